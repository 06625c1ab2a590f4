import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { Readable } from "node:stream";
import { test } from "node:test";
import { systemClock } from "../base/clock.ts";
import { ask, backendOf, type Handler, Instance, RawClient, routeOf, until } from "./rig.ts";
import { fleetOfSuite } from "./suite_fleet.ts";

const { fleet, address, cleanup, serve } = await fleetOfSuite();

const echo: Handler = (req, res) => {
  res.writeHead(200, { "content-type": "application/json" });
  const { method, url, rawHeaders } = req;
  let body = "";
  req.on("data", (chunk) => {
    body += chunk;
  });
  req.on("end", () => res.end(JSON.stringify({ method, url, rawHeaders, body })));
};

test("a request arrives as it was sent, and the answer says which revision it is", async () => {
  const host = await serve(echo);
  const headers = { "x-many": ["1", "2"], traceparent: "00-ab-cd-01" };
  const sent = { host, method: "PATCH", path: "/a%20b?q=1&q=2", headers, body: "hello" };
  const { code, headers: got, body } = await ask(address, sent);
  const { method, url, rawHeaders, body: seen } = JSON.parse(body);
  assert.deepEqual({ code, revision: got["varve-revision"] }, { code: 200, revision: "app-1" });
  assert.deepEqual({ method, url, seen }, { method: "PATCH", url: sent.path, seen: "hello" });
  const flat = rawHeaders.join("\n");
  for (const part of [`Host\n${host}`, "x-many\n1\nx-many\n2", "traceparent\n00-ab-cd-01"]) {
    assert(flat.includes(part), `${part} is not in:\n${flat}`);
  }
});

const TARGETS = [
  { title: "in capitals and with a port", target: "/p", sent: (host: string) => `${host}:8080` },
  { title: "with a dot at its end", target: "/p", sent: (host: string) => `${host}.` },
  {
    title: "in the target, where Host says the same",
    target: undefined,
    sent: (host: string) => `${host}:81`,
  },
];

for (const { title, target, sent } of TARGETS) {
  test(`the host is found ${title}`, async () => {
    const host = await serve(echo);
    const path = target ?? `http://${host.toUpperCase()}:81/p`;
    const { code, body } = await ask(address, { host: sent(host.toUpperCase()), path });
    assert.equal(code, 200);
    assert.equal(JSON.parse(body).url, "/p");
    const [, passed] = JSON.parse(body).rawHeaders;
    assert.equal(
      passed,
      target === undefined ? `${host.toUpperCase()}:81` : sent(host.toUpperCase()),
    );
  });
}

const REFUSED = [
  { title: "no Host", code: 400, lines: ["GET / HTTP/1.1", "", ""] },
  { title: "two Hosts", code: 400, lines: ["GET / HTTP/1.1", "Host: a", "Host: a", "", ""] },
  { title: "a Host that is none", code: 400, lines: ["GET / HTTP/1.1", "Host: a/b", "", ""] },
  {
    title: "a user in the target",
    code: 400,
    lines: ["GET http://u@a/ HTTP/1.1", "Host: a", "", ""],
  },
  { title: "CONNECT", code: 405, lines: ["CONNECT a:80 HTTP/1.1", "Host: a:80", "", ""] },
  {
    title: "a length and chunks",
    code: 400,
    lines: [
      "POST / HTTP/1.1",
      "Host: a",
      "Content-Length: 5",
      "Transfer-Encoding: chunked",
      "",
      "",
    ],
  },
  {
    title: "two lengths",
    code: 400,
    lines: ["POST / HTTP/1.1", "Host: a", "Content-Length: 5", "Content-Length: 6", "", "hello"],
  },
  {
    title: "a coding besides chunks",
    code: 501,
    lines: ["POST / HTTP/1.1", "Host: a", "Transfer-Encoding: gzip, chunked", "", "0", "", ""],
  },
  {
    title: "chunks that are not last",
    code: 400,
    lines: ["POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked, gzip", "", "0", "", ""],
  },
  {
    title: "chunks in HTTP/1.0",
    code: 400,
    lines: ["POST / HTTP/1.0", "Host: a", "Transfer-Encoding: chunked", "", "0", "", ""],
  },
  { title: "a space before the colon", code: 400, lines: ["GET / HTTP/1.1", "Host : a", "", ""] },
  {
    title: "headers beyond the limit",
    code: 431,
    lines: ["GET / HTTP/1.1", "Host: a", `X-Long: ${"x".repeat(33 * 1024)}`, "", ""],
  },
];

for (const { title, code, lines } of REFUSED) {
  test(`refused with ${code}, and the connection closed: ${title}`, async () => {
    using client = new RawClient(address);
    client.say(...lines);
    await until("it is closed", () => client.isClosed);
    const form = `^HTTP/1.1 ${code} .*\r\nDate: .+ GMT\r\n.*\r\n\r\n[^\n]+\n$`;
    assert.match(client.heard, new RegExp(form, "s"));
    assert.equal(client.heard.match(/HTTP\/1\.1 \d/g)?.length, 1);
  });
}

test("an unknown host is a 404 that names it, in JSON for those who ask for that", async () => {
  const text = await ask(address, { host: "nobody.localhost:80" });
  assert.deepEqual([text.code, text.body], [404, 'no service has the host "nobody.localhost"\n']);
  assert.ok(Date.now() - Date.parse(String(text.headers.date)) < 60_000, "it says when (RFC 9110)");
  const headers = { accept: "application/json" };
  const json = await ask(address, { host: "nobody.localhost", headers });
  assert.equal(json.headers["content-type"], "application/problem+json");
  assert.deepEqual(JSON.parse(json.body), {
    type: "about:blank",
    title: "Not Found",
    status: 404,
    detail: 'no service has the host "nobody.localhost"',
    host: "nobody.localhost",
  });
});

test("answers without a body leave the connection usable", async () => {
  const host = await serve((req, res) => {
    const code = Number(req.url?.slice(1));
    res.writeHead(code, code === 200 ? { "content-length": "5" } : {});
    res.end(code === 200 ? "hello" : "");
  });
  using client = new RawClient(address);
  for (const [method, path] of [
    ["HEAD", "/200"],
    ["GET", "/204"],
    ["GET", "/304"],
    ["GET", "/200"],
  ]) {
    client.heard = "";
    client.say(`${method} ${path} HTTP/1.1`, `Host: ${host}`, "", "");
    await client.hears("\r\n\r\n");
    if (path === "/200") assert.match(client.heard, /Content-Length: 5/i);
    else assert.doesNotMatch(client.heard, /Content-Length|Transfer-Encoding/i);
  }
  await client.hears("hello");
});

test("128 MB pass in both directions, and the worker holds little of it", async () => {
  const piece = Buffer.alloc(64 * 1024, "x");
  const pieces = 2_048;
  const host = await serve((req, res) => {
    const hash = createHash("sha256");
    req.on("data", (chunk) => hash.update(chunk));
    req.on("end", () => {
      res.writeHead(200, { "x-hash": hash.digest("hex") });
      Readable.from(Array.from({ length: pieces }, () => piece)).pipe(res);
    });
  });
  const sent = createHash("sha256");
  const got = createHash("sha256");
  const pid = fleet.status().workers[0]?.pid ?? 0;
  const before = residentBytes(pid);
  let most = 0;
  const to = { host: address.host, port: address.port, method: "POST", headers: { host } };
  const out = request({ ...to, agent: false });
  const answered = new Promise<IncomingMessage>((resolve) => out.on("response", resolve));
  Readable.from(Array.from({ length: pieces }, () => piece))
    .on("data", (chunk) => sent.update(chunk))
    .pipe(out);
  const answer = await answered;
  for await (const chunk of answer) {
    got.update(chunk);
    most = Math.max(most, residentBytes(pid));
  }
  assert.equal(answer.headers["x-hash"], sent.copy().digest("hex"));
  assert.equal(got.digest("hex"), sent.digest("hex"));
  assert(most - before < 100e6, `it grew by ${(most - before) / 1e6} MB`);
});

test("a client that does not read stops the instance, and not the memory", async () => {
  let written = 0;
  const piece = Buffer.alloc(64 * 1024);
  const host = await serve((_, res) => {
    const more = () => {
      while (!res.destroyed) {
        written += piece.length;
        if (!res.write(piece)) break;
      }
    };
    res.on("drain", more);
    more();
  });
  using client = new RawClient(address);
  client.socket.pause();
  client.say("GET / HTTP/1.1", `Host: ${host}`, "", "");
  let last = -1;
  let same = 0;
  await until("it writes no more", () => {
    same = written === last && written > 0 ? same + 1 : 0;
    last = written;
    return same > 50;
  });
  // What the kernel's buffers of both connections may hold, and a little of ours.
  const kernel = (of: string) => readFileSync(`/proc/sys/net/ipv4/${of}`, "utf8").split(/\s+/)[2];
  const most = 2 * (Number(kernel("tcp_rmem")) + Number(kernel("tcp_wmem"))) + 8e6;
  assert(written < most, `${written / 1e6} MB were taken`);
});

function residentBytes(pid: number): number {
  const pages = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1];
  return Number(pages) * 4096;
}

test("100 (Continue) comes from the instance, and the body only after it", async () => {
  const host = await serve(echo);
  using client = new RawClient(address);
  const expect = ["Expect: 100-continue", "Content-Length: 5", "", ""];
  client.say("POST / HTTP/1.1", `Host: ${host}`, ...expect);
  await client.hears("HTTP/1.1 100 Continue\r\n\r\n");
  assert.doesNotMatch(client.heard, /200/);
  client.say("hello");
  await client.hears('"body":"hello"');
  client.heard = "";
  client.say("GET / HTTP/1.1", `Host: ${host}`, "", "");
  await client.hears('"body":""');
});

test("an instance that does not want the body answers, and the connection ends", async () => {
  const host = await serve(() => {});
  const instance = cleanup.use(await Instance.start("refuser"));
  instance.server.on("checkContinue", (_, res) => res.writeHead(413).end("too much"));
  const id = "default/refuser";
  await fleet.putBackend(backendOf(id, [instance]));
  await fleet.putRoute(routeOf(host, { [id]: 100 }));
  using client = new RawClient(address);
  client.say(
    "POST / HTTP/1.1",
    `Host: ${host}`,
    "Expect: 100-continue",
    "Content-Length: 40",
    "",
    "",
  );
  await until("it is closed", () => client.isClosed);
  assert.match(client.heard, /^HTTP\/1.1 413 .*Connection: close.*too much/s);
  assert.doesNotMatch(client.heard, /100 Continue/);
});

test("trailers pass in both directions, and so do early hints", async () => {
  const host = await serve((req, res) => {
    res.writeEarlyHints({ link: "</style.css>; rel=preload" });
    res.writeHead(200, { trailer: "X-After" });
    res.write("body");
    req.resume().on("end", () => {
      res.addTrailers({ "X-After": `saw ${req.trailers["x-sum"]}` });
      res.end();
    });
  });
  using client = new RawClient(address);
  client.say("POST / HTTP/1.1", `Host: ${host}`, "TE: trailers", "Trailer: X-Sum");
  client.say("", "Transfer-Encoding: chunked", "", "3", "abc", "0", "X-Sum: 42", "", "");
  await client.hears("X-After: saw 42\r\n\r\n");
  assert.match(client.heard, /^HTTP\/1.1 103 Early Hints\r\nLink: <\/style.css>; rel=preload\r\n/i);
  assert.match(client.heard, /\r\nTrailer: X-After\r\n/i);
});

test("events arrive one by one, and outlive the timeout of ordinary requests", async () => {
  let send = (_: string) => {};
  const host = await serve(
    (_, res) => {
      res.writeHead(200, { "content-type": "text/event-stream" });
      res.flushHeaders();
      send = (text) => void res.write(`data: ${text}\n\n`);
    },
    { timeoutMs: 300 },
  );
  using client = new RawClient(address);
  const began = systemClock.elapsed();
  client.say("GET / HTTP/1.1", `Host: ${host}`, "", "");
  await client.hears("text/event-stream");
  for (const text of ["one", "two", "three"]) {
    send(text);
    await client.hears(`data: ${text}\n\n`);
  }
  await until("the timeout is over", () => systemClock.elapsed() - began > 500);
  send("late");
  await client.hears("data: late\n\n");
  assert.equal(client.isClosed, false);
});

test("a connection that changes protocols is passed on until either side ends it", async () => {
  const host = await serve(() => {}, { timeoutMs: 300 });
  const instance = cleanup.use(await Instance.start("switcher"));
  instance.server.on("upgrade", (req, socket, first) => {
    const { upgrade, connection } = req.headers;
    socket.write(`HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`);
    socket.write(`${connection} ${upgrade} `);
    if (first.length > 0) socket.write(first);
    socket.pipe(socket);
  });
  const id = "default/switcher";
  await fleet.putBackend(backendOf(id, [instance], { timeoutMs: 300 }));
  await fleet.putRoute(routeOf(host, { [id]: 100 }));
  using client = new RawClient(address);
  const began = systemClock.elapsed();
  client.say("GET /chat HTTP/1.1", `Host: ${host}`, "Connection: keep-alive, Upgrade");
  client.say("", "Upgrade: chat/2", "", "early");
  await client.hears("Upgrade chat/2 early");
  assert.match(client.heard, /^HTTP\/1.1 101 .*Varve-Revision: switcher/s);
  await until("the timeout is over", () => systemClock.elapsed() - began > 500);
  client.say("late");
  await client.hears("earlylate");
  client.socket.end();
  await until("it is closed", () => client.isClosed);
  await fleet.putBackend(backendOf(id, []));
  await fleet.drained("switcher", 60_000);
});

test("an instance that does not change protocols just answers", async () => {
  const host = await serve((_, res) => res.writeHead(426, { upgrade: "x" }).end("no"));
  const headers = { connection: "upgrade", upgrade: "websocket" };
  const { code, body } = await ask(address, { host, headers });
  assert.deepEqual([code, body], [426, "no"]);
  using client = new RawClient(address);
  for (let round = 0; round < 2; round += 1) {
    client.heard = "";
    // Without its settings, it asks for HTTP/2 in vain.
    client.say("GET / HTTP/1.1", `Host: ${host}`, "Connection: Upgrade", "Upgrade: h2c", "", "");
    await client.hears("426");
  }
});

test("requests sent ahead on one connection are answered in their order", async () => {
  const host = await serve(echo);
  using client = new RawClient(address);
  const lines = (at: number) => [`GET /${at} HTTP/1.1`, `Host: ${host}`, "", ""];
  client.say(lines(1).join("\r\n") + lines(2).join("\r\n") + lines(3).join("\r\n"));
  await client.hears('"url":"/3"');
  assert.match(client.heard, /"url":"\/1".*"url":"\/2".*"url":"\/3"/s);
});

test("an HTTP/1.0 client gets no chunks", async () => {
  const host = await serve((_, res) => {
    res.write("one ");
    res.end("two");
  });
  using client = new RawClient(address);
  client.say("GET / HTTP/1.0", `Host: ${host}`, "", "");
  await until("it is closed", () => client.isClosed);
  assert.doesNotMatch(client.heard, /chunked/i);
  assert.match(client.heard, /\r\n\r\none two$/);
});

test("an answer that breaks off breaks off for the client as well", async () => {
  const host = await serve((_, res) => {
    res.writeHead(200, { "content-length": "100" });
    res.write("half", () => res.destroy());
  });
  await assert.rejects(ask(address, { host }), { code: "ECONNRESET" });
});
