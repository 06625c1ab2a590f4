import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import type { Handler } from "./call.ts";
import { makeCertificate } from "./certificate.ts";
import { systemClock } from "./clock.ts";
import { BodyTooLarge } from "./http_body.ts";
import { makeHttpServer } from "./http_server.ts";

const HERE = { host: "127.0.0.1", rejectUnauthorized: false } as const;
const BODY_BYTES_MAX = 1000;

test("an upload that is refused, and that breaks off, leaves the server as it was", async () => {
  const tls = await makeCertificate({ name: "a", nowMs: systemClock.now(), days: 2 });
  const fine = () => ({ code: 200, body: "fine" });
  const failed = () => ({ code: 500 });
  const limits = { tls, bodyBytesMax: BODY_BYTES_MAX };
  await using server = makeHttpServer({ ...limits, onError: failed, onUnknown: fine });
  server.route("PUT", "/upload", () => ({ code: 507 }), { isStreamed: true });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  for (let times = 0; times < 20; times += 1) await upload(port, times % 2 === 0);
  const asked = request({ ...HERE, port }).end();
  const answer = await new Promise<IncomingMessage>((resolve) => asked.once("response", resolve));
  assert.deepEqual([answer.statusCode, await text(answer)], [200, "fine"]);
});

/** Sends more than anybody reads, and may leave in the midst of it. */
function upload(port: number, isBroken: boolean): Promise<void> {
  return new Promise((resolve) => {
    const sent = request({ ...HERE, port, method: "PUT", path: "/upload" });
    sent.once("response", (answer) => answer.resume());
    sent.on("error", () => {}).once("close", () => resolve());
    sent.write(Buffer.alloc(4_000_000));
    if (isBroken) setImmediate(() => sent.destroy());
    else sent.end();
  });
}

/** A server that says what it was asked for, and refuses whoever has no token. */
async function serve(handlers: Readonly<Record<string, Handler>> = {}) {
  const thrown: unknown[] = [];
  const server = makeHttpServer({
    bodyBytesMax: BODY_BYTES_MAX,
    onRequest({ headers }) {
      if (headers.authorization === "none") throw new Error("refused");
    },
    onError(it) {
      thrown.push(it);
      if (it instanceof BodyTooLarge) return { code: 413, body: "too large" };
      return { code: 500, body: it instanceof Error ? it.message : "?" };
    },
    onUnknown: ({ method, path, query, body }) => {
      return { code: 200, body: `${method} ${path} ${query} ${body}` };
    },
  });
  for (const [path, handler] of Object.entries(handlers)) {
    server.route("GET", path, handler);
    server.route("PUT", path, handler, { isStreamed: true });
  }
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  return { port, thrown, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function open(port: number, ...lines: readonly string[]): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(lines.join("\r\n"));
  return socket;
}

/** All that is answered until the connection ends. */
async function told(port: number, ...lines: readonly string[]): Promise<string> {
  return await text(open(port, ...lines));
}

/** The codes and bodies of answers that have a length. */
function answersIn(all: string): readonly string[] {
  const parts = all.split(/HTTP\/1\.1 (\d+) [^\r]*\r\n/).slice(1);
  return parts.flatMap((part, at) => {
    const body = (parts[at + 1] ?? "").split("\r\n\r\n")[1] ?? "";
    return at % 2 === 0 ? [`${part} ${body}`.trim()] : [];
  });
}

const LAST = ["Connection: close", "", ""];

for (const { title, sent, answers } of [
  {
    title: "requests that come together are answered in their order",
    sent: ["GET /a?b=c HTTP/1.1", "Host: x", "", "GET /d HTTP/1.1", "Host: x", ...LAST],
    answers: ["200 GET /a b=c", "200 GET /d"],
  },
  {
    title: "a body of a length is read, and the request behind it",
    sent: [
      "POST /a HTTP/1.1",
      "Host: x",
      "Content-Length: 4",
      "",
      "bodyGET /b HTTP/1.1",
      "Host: x",
    ].concat(LAST),
    answers: ["200 POST /a  body", "200 GET /b"],
  },
  {
    title: "a body in chunks is put together",
    sent: [
      "POST /a HTTP/1.1",
      "Host: x",
      "Transfer-Encoding: chunked",
      "Connection: close",
      "",
    ].concat(["2;a=b", "bo", "2", "dy", "0", "Trailer: x", "", ""]),
    answers: ["200 POST /a  body"],
  },
  {
    title: "a body that is refused before it is read does not end the connection",
    sent: ["POST /a HTTP/1.1", "Host: x", "Authorization: none", "Content-Length: 4", ""].concat([
      "bodyGET /b HTTP/1.1",
      "Host: x",
      ...LAST,
    ]),
    answers: ["500 refused", "200 GET /b"],
  },
  {
    title: "a body that is longer than may be is refused, and ends the connection",
    sent: ["POST /a HTTP/1.1", "Host: x", "Content-Length: 1001", "", "GET /b HTTP/1.1", "", ""],
    answers: ["413 too large"],
  },
  {
    title: "a body in chunks that turns out longer than may be is refused",
    sent: [
      "POST /a HTTP/1.1",
      "Host: x",
      "Transfer-Encoding: chunked",
      "Connection: close",
      "",
    ].concat(["400", "a".repeat(1024), "0", "", ""]),
    answers: ["413 too large"],
  },
  {
    title: "who asks first whether a body is wanted is told so",
    sent: ["POST /a HTTP/1.1", "Host: x", "Content-Length: 4", "Expect: 100-continue"].concat([
      "Connection: close",
      "",
      "body",
    ]),
    answers: ["100", "200 POST /a  body"],
  },
  {
    title: "who asks first whether a body is wanted that is not is told that alone",
    sent: ["POST /a HTTP/1.1", "Host: x", "Content-Length: 4", "Expect: 100-continue"].concat([
      "Authorization: none",
      "",
      "GET /b HTTP/1.1",
      "Host: x",
      "",
      "",
    ]),
    answers: ["500 refused"],
  },
  {
    title: "a whole URL is read as its path",
    sent: [
      "GET http://x:1/a?b HTTP/1.1",
      "Host: x",
      "",
      "GET https://x HTTP/1.1",
      "Host: x",
      ...LAST,
    ],
    answers: ["200 GET /a b=", "200 GET /"],
  },
  {
    title: "whoever asks to change to what we do not speak is answered as if not",
    sent: ["GET /a HTTP/1.1", "Host: x", "Connection: upgrade", "Upgrade: h2c", ""].concat([
      "GET /b HTTP/1.1",
      "Host: x",
      ...LAST,
    ]),
    answers: ["200 GET /a", "200 GET /b"],
  },
  {
    title: "an empty line in front of a request is let be",
    sent: ["", "GET /a HTTP/1.1", "Host: x", "", "", "GET /b HTTP/1.1", "Host: x", ...LAST],
    answers: ["200 GET /a", "200 GET /b"],
  },
  {
    title: "a client of HTTP/1.0 is answered once",
    sent: ["GET /a HTTP/1.0", "", "GET /b HTTP/1.0", "", ""],
    answers: ["200 GET /a"],
  },
  {
    title: "a client of HTTP/1.0 may ask again where it says so",
    sent: ["GET /a HTTP/1.0", "Connection: keep-alive", "", "GET /b HTTP/1.0", "", ""],
    answers: ["200 GET /a", "200 GET /b"],
  },
]) {
  test(title, async () => {
    await using server = await serve();
    assert.deepEqual(answersIn(await told(server.port, ...sent)), answers);
  });
  test(`${title}, byte by byte`, async () => {
    await using server = await serve();
    const socket = open(server.port);
    socket.setNoDelay(true);
    const all = text(socket);
    for (const byte of sent.join("\r\n")) {
      if (socket.writable) socket.write(byte, "latin1");
      await new Promise(setImmediate);
    }
    assert.deepEqual(answersIn(await all), answers);
  });
}

for (const { title, sent, code } of [
  { title: "no request", sent: ["hello", "", ""], code: 400 },
  { title: "a line that ends in LF alone", sent: ["GET / HTTP/1.1\nHost: x", "", ""], code: 400 },
  { title: "a header that goes on", sent: ["GET / HTTP/1.1", "Host: x", " y", "", ""], code: 400 },
  { title: "no Host", sent: ["GET / HTTP/1.1", "", ""], code: 400 },
  { title: "another version", sent: ["GET / HTTP/2.0", "", ""], code: 505 },
  { title: "no path", sent: ["GET x HTTP/1.1", "Host: x", "", ""], code: 400 },
  {
    title: "two lengths",
    sent: ["POST / HTTP/1.1", "Host: x", "Content-Length: 4", "Content-Length: 4", "", "body"],
    code: 400,
  },
  {
    title: "a length and chunks",
    sent: ["POST / HTTP/1.1", "Host: x", "Content-Length: 4", "Transfer-Encoding: chunked", "", ""],
    code: 400,
  },
  {
    title: "another coding",
    sent: ["POST / HTTP/1.1", "Host: x", "Transfer-Encoding: gzip, chunked", "", ""],
    code: 501,
  },
  {
    title: "a chunk without a size",
    sent: ["POST / HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", "", "x", ""],
    code: 400,
  },
  {
    title: "a head that is too long",
    sent: ["GET / HTTP/1.1", "Host: x", `A: ${"a".repeat(40_000)}`, "", ""],
    code: 431,
  },
  {
    title: "too many headers",
    sent: ["GET / HTTP/1.1", "Host: x", ...Array.from({ length: 600 }, () => "A: b"), "", ""],
    code: 431,
  },
]) {
  test(`${title} is refused with ${code}, and the connection ends`, async () => {
    await using server = await serve();
    const answer = await told(server.port, ...sent);
    assert.match(answer, new RegExp(`^HTTP/1.1 ${code} .*\\r\\nConnection: close\\r\\n`, "s"));
    assert.equal(answersIn(answer).length, 1);
  });
}

test("the answer to HEAD is that to GET without its body", async () => {
  await using server = await serve({ "/a": () => ({ code: 200, body: { said: "h\u00e9" } }) });
  const [get = "", head = ""] = await Promise.all(
    ["GET", "HEAD"].map((method) => told(server.port, `${method} /a HTTP/1.1`, "Host: x", ...LAST)),
  );
  const undated = (answer: string) => answer.replace(/^Date: .*\r\n/m, "");
  assert.match(get, /content-type: application\/json\r\ncontent-length: 14\r\n/);
  assert.equal(undated(head), undated(get).replace('{"said":"h\u00e9"}', ""));
});

test("a stream that fails is an error before it has begun, and cut off afterwards", async () => {
  const early = () => ({ code: 200, body: failing() });
  const late = () => ({ code: 200, body: failing("some") });
  await using server = await serve({ "/early": early, "/late": late });
  const head = (path: string) => [`GET ${path} HTTP/1.1`, "Host: x", ...LAST];
  assert.deepEqual(answersIn(await told(server.port, ...head("/early"))), ["500 broken"]);
  const cut = await told(server.port, ...head("/late")).catch(() => "");
  assert.ok(!cut.endsWith("0\r\n\r\n"), cut);
  assert.equal(server.thrown.length, 2);
});

function failing(...pieces: readonly string[]): Readable {
  async function* content() {
    yield* pieces;
    throw new Error("broken");
  }
  return Readable.from(content());
}

test("what cannot be a header is an error, and no header of somebody else's", async () => {
  const forged = () => ({ code: 200, headers: { a: "b\r\nc: d" }, body: "fine" });
  await using server = await serve({ "/a": forged });
  const answer = await told(server.port, "GET /a HTTP/1.1", "Host: x", ...LAST);
  assert.match(answer, /^HTTP\/1.1 500 /);
  assert.ok(!answer.includes("\r\nc: d"));
});

test("a header with letters of one byte, and a body with any, come as they are", async () => {
  const said = () => ({ code: 200, headers: { a: "\u00e9" }, body: "\u20ac" });
  await using server = await serve({ "/a": said });
  const socket = open(server.port, "GET /a HTTP/1.1", "Host: x", ...LAST);
  const bytes = Buffer.concat(await Array.fromAsync(socket as AsyncIterable<Buffer>));
  assert.ok(bytes.includes(Buffer.from("a: \u00e9\r\n", "latin1")));
  assert.ok(bytes.toString().endsWith("\r\n\r\n\u20ac"));
});

test("a body that is streamed comes at the speed of whoever reads it", async () => {
  const { promise, resolve } = Promise.withResolvers<Readable | undefined>();
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  const read: Handler = async ({ stream }) => {
    resolve(stream);
    await done;
    const bytes = Buffer.concat(await Array.fromAsync(stream ?? []));
    return { code: 200, body: `${bytes.length}` };
  };
  await using server = await serve({ "/a": read });
  const bytes = 50_000_000;
  const head = ["PUT /a HTTP/1.1", "Host: x", `Content-Length: ${bytes}`, ...LAST];
  const socket = open(server.port, ...head);
  const all = text(socket);
  const stream = await promise;
  socket.write(Buffer.alloc(bytes));
  for (let turns = 0; turns < 100; turns += 1) await new Promise(setImmediate);
  assert.ok((stream?.readableLength ?? 0) < 1_000_000, "what nobody reads is not read ahead");
  assert.ok(socket.writableLength > 0, "the kernel holds no more");
  finish();
  assert.deepEqual(answersIn(await all), [`200 ${bytes}`]);
});

test("whoever reads a body, and whoever answers, is told when the caller leaves", async () => {
  const left: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const wait: Handler = async ({ stream, signal }) => {
    stream?.once("error", ({ message }) => left.push(message));
    signal.addEventListener("abort", () => {
      left.push("aborted");
      resolve();
    });
    socket.destroy();
    await promise;
    return { code: 200 };
  };
  await using server = await serve({ "/a": wait });
  const socket = open(server.port, "PUT /a HTTP/1.1", "Host: x", "Content-Length: 10", "", "half");
  await promise;
  await new Promise(setImmediate);
  assert.deepEqual(left, ["aborted", "the caller has gone"]);
});

test("whoever takes a connection over has all that comes behind the request", async () => {
  const echo: Handler = ({ isUpgrade }) => ({
    code: isUpgrade ? 101 : 400,
    take: ({ socket, head }) => {
      socket.write(`HTTP/1.1 101 x\r\n\r\n${head}`);
      socket.on("data", (piece: Buffer) => socket.end(piece));
    },
  });
  await using server = await serve({ "/a": echo });
  const asked = ["Host: x", "Connection: Upgrade", "Upgrade: WebSocket", "", "one "];
  const socket = open(server.port, "GET /a HTTP/1.1", ...asked);
  const all = text(socket);
  await once(socket, "readable");
  socket.write("two");
  assert.equal(await all, "HTTP/1.1 101 x\r\n\r\none two");
});

test("a client that takes no answers is asked for no more requests", async () => {
  let count = 0;
  const large = () => {
    count += 1;
    return { code: 200, body: "a".repeat(1_000_000) };
  };
  await using server = await serve({ "/a": large });
  const socket = open(server.port).pause();
  await once(socket, "connect");
  for (let times = 0; times < 100; times += 1) socket.write("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  for (let turns = 0; turns < 200; turns += 1) await new Promise(setImmediate);
  assert.ok(count > 0 && count < 50, `${count} MB wait for a client that reads nothing`);
  socket.destroy();
});
