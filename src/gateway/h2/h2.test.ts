import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { constants } from "node:http2";
import { Readable } from "node:stream";
import { test } from "node:test";
import { promisify } from "node:util";
import { systemClock } from "../../base/clock.ts";
import { ask, type Handler, RawClient, Rig, routeOf, until } from "../rig.ts";
import { fleetOfSuite } from "../suite_fleet.ts";
import {
  askStream,
  connectTo,
  type StreamHandler,
  StreamInstance,
  streamBackend,
} from "./world.ts";

const { cleanup, fleet, address, serve: servePlain } = await fleetOfSuite();
let count = 0;

/** The same, of HTTP/2. */
async function serveStreams(handler: StreamHandler, limits = {}) {
  count += 1;
  const id = `default/stream-${count}`;
  const host = `stream-${count}.localhost`;
  const instance = cleanup.use(await StreamInstance.start(`${id}-x`, handler));
  await fleet.putBackend(streamBackend(id, instance.port, limits));
  await fleet.putRoute(routeOf(host, { [id]: 100 }));
  return { host, instance, id };
}

const plainEcho: Handler = (req, res) => {
  const { method, url, rawHeaders } = req;
  const hash = createHash("sha256");
  let bytes = 0;
  req.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  req.on("end", () => {
    res.writeHead(200, { trailer: "x-end" });
    const seen = { method, url, rawHeaders, bytes, digest: hash.digest("hex") };
    res.write(JSON.stringify({ ...seen, trailers: req.rawTrailers }));
    res.addTrailers({ "x-end": "yes" });
    res.end();
  });
};

const streamEcho: StreamHandler = (stream, headers) => {
  let tail = {};
  const hash = createHash("sha256");
  let bytes = 0;
  stream.on("trailers", (got) => {
    tail = { ...got };
  });
  stream.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  stream.on("end", () => {
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-end": "yes" }));
    const seen = { headers: { ...headers }, bytes, digest: hash.digest("hex"), trailers: tail };
    stream.end(JSON.stringify(seen));
  });
};

test("a stream reaches an instance of HTTP/1.1 as a request, trailers and all", async () => {
  const host = await servePlain(plainEcho);
  using client = disposable(connectTo(address));
  const headers = { ":method": "POST", ":path": "/a?b", te: "trailers", cookie: ["a=1", "b=2"] };
  const asked = { host, headers, body: "hello", trailers: { "x-sum": "5" } };
  const { code, headers: got, body, trailers } = await askStream(client.session, asked);
  const { rawHeaders, ...seen } = JSON.parse(body);
  const digest = createHash("sha256").update("hello").digest("hex");
  assert.deepEqual(seen, {
    ...{ method: "POST", url: "/a?b", bytes: 5, digest, trailers: ["x-sum", "5"] },
  });
  assert.deepEqual([code, got["varve-revision"], trailers["x-end"]], [200, "app-1", "yes"]);
  const flat = rawHeaders.join("\n");
  for (const part of [`Host\n${host}`, "cookie\na=1; b=2", "Transfer-Encoding\nchunked"]) {
    assert(flat.includes(part), `${part} is not in:\n${flat}`);
  }
  assert.match(flat, /Forwarded\nfor=127\.0\.0\.1;host=.*;proto=http\n/);
});

test("a stream reaches an instance of HTTP/2 as a stream, trailers and all", async () => {
  const { host } = await serveStreams(streamEcho);
  using client = disposable(connectTo(address));
  const asked = {
    host,
    headers: { ":method": "POST", te: "trailers" },
    body: "hello",
    trailers: { "x-sum": "5" },
  };
  const { code, body, trailers } = await askStream(client.session, asked);
  const { headers, bytes, trailers: sent } = JSON.parse(body);
  assert.deepEqual([code, bytes, sent["x-sum"], trailers["x-end"]], [200, 5, "5", "yes"]);
  assert.deepEqual([headers[":authority"], headers["te"]], [host, "trailers"]);
  assert.match(headers["forwarded"], /proto=http/);
});

test("a client of HTTP/1.1 reaches an instance of HTTP/2, body, trailers and all", async () => {
  const { host } = await serveStreams(streamEcho);
  const { code, body } = await ask(address, { host, method: "PUT", path: "/x", body: "hello" });
  const { headers, bytes } = JSON.parse(body);
  assert.deepEqual([code, headers[":method"], headers[":path"], bytes], [200, "PUT", "/x", 5]);
  using raw = new RawClient(address);
  raw.say("GET / HTTP/1.1", `Host: ${host}`, "TE: trailers", "", "");
  await raw.hears("x-end: yes");
  assert.match(raw.heard, /^HTTP\/1\.1 200 OK\r\n/);
});

test("all streams of one connection are routed one by one", async () => {
  const one = await servePlain((_, res) => res.end("one"));
  const { host: two } = await serveStreams((stream) => {
    stream.respond({ ":status": 201 });
    stream.end("two");
  });
  using client = disposable(connectTo(address));
  const hosts = Array.from({ length: 60 }, (_, at) =>
    at % 3 === 0 ? "none.localhost" : at % 3 === 1 ? one : two,
  );
  const replies = await Promise.all(hosts.map((host) => askStream(client.session, { host })));
  const seen = replies.map(({ code, body }) => `${code} ${body.trim()}`);
  assert.deepEqual(seen.slice(0, 3), [
    '404 no service has the host "none.localhost"',
    "200 one",
    "201 two",
  ]);
  assert.deepEqual(new Set(seen).size, 3);
});

test("bodies of some megabytes pass both ways whole, at the pace of the slower side", async () => {
  const bytes = Buffer.alloc(6 * 1024 * 1024, "varve ");
  const digest = createHash("sha256").update(bytes).digest("hex");
  const { host: streams } = await serveStreams(streamEcho);
  const plain = await servePlain(plainEcho);
  const large = await servePlain((_, res) => Readable.from([bytes]).pipe(res));
  using client = disposable(connectTo(address));
  for (const host of [streams, plain]) {
    const up = await askStream(client.session, {
      host,
      headers: { ":method": "PUT" },
      body: bytes,
    });
    assert.equal(JSON.parse(up.body).digest, digest);
  }
  const down = await askStream(client.session, { host: large });
  assert.equal(createHash("sha256").update(down.body).digest("hex"), digest);
});

test("large answers of an instance of HTTP/2 pass whole, many at once", async () => {
  const { host } = await serveStreams((stream) => {
    stream.respond({ ":status": 200 });
    stream.end(Buffer.alloc(200_000, `${stream.id} `));
  });
  using client = disposable(connectTo(address));
  const replies = await Promise.all(
    Array.from({ length: 16 }, () => askStream(client.session, { host })),
  );
  assert.deepEqual(new Set(replies.map(({ body }) => body.length)), new Set([200_000]));
  assert.equal(new Set(replies.map(({ body }) => body.slice(0, 3))).size, 16);
});

test("a client that reads nothing holds back the instance, and nobody else", async () => {
  let written = 0;
  const { host } = await serveStreams((stream) => {
    stream.respond({ ":status": 200 });
    const more = () => {
      while (written < 200e6) {
        written += 64 * 1024;
        if (!stream.write(Buffer.alloc(64 * 1024))) return;
      }
    };
    stream.on("drain", more);
    more();
  });
  const other = await servePlain((_, res) => res.end("fine"));
  using client = disposable(connectTo(address));
  const stream = client.session.request({ ":authority": host, ":path": "/" });
  stream.on("response", () => stream.pause());
  await until("it stands still", async () => {
    const before = written;
    await askStream(client.session, { host: other });
    await systemClock.sleep(200);
    return before > 0 && before === written;
  });
  assert(written < 20e6, `${written} bytes were taken for a client that reads none`);
  assert.equal((await askStream(client.session, { host: other })).body, "fine");
  stream.close();
});

test("a client that takes its stream back frees the instance at once", async () => {
  let isAborted = false;
  const { host } = await serveStreams(
    (stream) => {
      stream.on("aborted", () => {
        isAborted = true;
      });
      stream.respond({ ":status": 200 });
      stream.write("first");
    },
    { concurrency: 1 },
  );
  using client = disposable(connectTo(address));
  const stream = client.session.request({ ":authority": host, ":path": "/" });
  await new Promise((resolve) => stream.once("data", resolve));
  stream.close(constants.NGHTTP2_CANCEL);
  await until("the instance knows", () => isAborted);
  const next = client.session.request({ ":authority": host, ":path": "/" });
  await new Promise((resolve) => next.once("data", resolve));
  next.close(constants.NGHTTP2_CANCEL);
});

test("an answer that breaks off is not made to look whole", async () => {
  const plain = await servePlain((_, res) => {
    res.write("half");
    setTimeout(() => res.destroy(), 50);
  });
  const { host: streams } = await serveStreams((stream) => {
    stream.respond({ ":status": 200 });
    stream.write("half");
    setTimeout(() => stream.destroy(new Error("broken")), 50);
  });
  using client = disposable(connectTo(address));
  for (const host of [plain, streams]) {
    await assert.rejects(askStream(client.session, { host }), /NGHTTP2_INTERNAL_ERROR/);
  }
  await assert.rejects(ask(address, { host: streams }), /aborted|hang up|ECONNRESET/);
});

test("what is informational arrives ahead of the answer", async () => {
  const host = await servePlain((_, res) => {
    res.writeEarlyHints({ link: "</a.css>; rel=preload" });
    res.end("done");
  });
  const { host: streams } = await serveStreams((stream) => {
    stream.additionalHeaders({ ":status": 103, link: "</a.css>; rel=preload" });
    stream.respond({ ":status": 200 });
    stream.end("done");
  });
  using client = disposable(connectTo(address));
  for (const each of [host, streams]) {
    const { informed, body } = await askStream(client.session, { host: each });
    assert.deepEqual([informed, body], [[103], "done"]);
  }
});

test("a session with an instance is shared, and another opened where it is full", async () => {
  const { host, instance } = await serveStreams((stream) => {
    stream.respond({ ":status": 200 });
    setTimeout(() => stream.end("ok"), 100);
  });
  using client = disposable(connectTo(address));
  using second = disposable(connectTo(address));
  await askStream(client.session, { host });
  assert.equal(instance.sessions, 1);
  const wave = ({ session }: typeof client) =>
    Array.from({ length: 75 }, () => askStream(session, { host }));
  const replies = await Promise.all([...wave(client), ...wave(second)]);
  assert(replies.every(({ body }) => body === "ok"));
  assert.equal(instance.sessions, 2);
});

test("an instance that says GOAWAY, or refuses a stream, loses nobody's request", async () => {
  let served = 0;
  const { host } = await serveStreams((stream) => {
    served += 1;
    if (served % 10 === 3) {
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    stream.respond({ ":status": 200 });
    stream.end("ok");
    if (served % 5 === 0) stream.session?.close();
  });
  using client = disposable(connectTo(address));
  for (let at = 0; at < 50; at += 1) {
    assert.equal((await askStream(client.session, { host })).body, "ok");
  }
});

test("a worker that ends says so, and finishes what was begun", async () => {
  await using other = new Rig();
  const ending = await other.start();
  const { instance } = await serveStreams((stream) => {
    stream.respond({ ":status": 200 });
    stream.write("begun, ");
    setTimeout(() => stream.end("done"), 1_500);
  });
  await ending.putBackend(streamBackend("default/e", instance.port));
  await ending.putRoute(routeOf("e.localhost", { "default/e": 100 }));
  assert(ending.address !== undefined);
  using client = disposable(connectTo(ending.address));
  const lasts: number[] = [];
  client.session.on("goaway", (_, last) => lasts.push(last));
  const open = askStream(client.session, { host: "e.localhost" });
  await until("it has begun", () => instance.sessions === 1);
  const stopped = ending.stopWorkers();
  await until("the end is near", () => lasts.length > 0);
  assert.equal((await open).body, "begun, done");
  await stopped;
  // First that no more should come, and then from which stream on none was looked at.
  assert.deepEqual([lasts[0], lasts.at(-1)], [2 ** 31 - 1, 1]);
});

test("curl speaks to it by prior knowledge and by Upgrade", async (t) => {
  const curl = promisify(execFile);
  const version = await curl("curl", ["--version"]).catch(() => undefined);
  if (version?.stdout.includes("HTTP2") !== true) return t.skip("curl with HTTP/2 is not here");
  const host = await servePlain((req, res) => res.end(`${req.method} ${req.url}`));
  const { port } = address;
  const to = ["--connect-to", `${host}:80:127.0.0.1:${port}`, "-sS", "-w", " %{http_version}"];
  const { stdout: known } = await curl("curl", [
    ...to,
    "--http2-prior-knowledge",
    `http://${host}/a`,
  ]);
  assert.equal(known, "GET /a 2");
  const urls = [`http://${host}/b`, `http://${host}/c`];
  const { stdout: upgraded } = await curl("curl", [...to, "--http2", ...urls]);
  assert.equal(upgraded, "GET /b 2GET /c 2");
  const { stdout: posted } = await curl("curl", [...to, "--http2", "-d", "x", `http://${host}/d`]);
  assert.match(posted, /^POST \/d (1\.1|2)$/);
});

function disposable(session: ReturnType<typeof connectTo>) {
  return { session, [Symbol.dispose]: () => session.destroy() };
}
