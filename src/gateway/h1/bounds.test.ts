import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { backendOf, RawClient, routeOf, until } from "../rig.ts";
import { fleetOfSuite } from "../suite_fleet.ts";

const limits = { bodyBytesMax: 2_000, bodyIdleMs: 300, writeIdleMs: 300, lastWordMs: 100 };
const { fleet, address, serve } = await fleetOfSuite({
  limits: { ...limits, requestsPerConnectionMax: 2 },
});

const head = (host: string, ...lines: string[]) =>
  ["PUT / HTTP/1.1", `Host: ${host}`, ...lines, "", ""].join("\r\n");
const codesOf = ({ heard }: RawClient) =>
  [...heard.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, code]) => Number(code));

test("a body that is too long is refused before anything is asked of an instance", async () => {
  let asked = 0;
  const host = await serve((req, res) => {
    asked += 1;
    req.resume().on("end", () => res.end("whole"));
  });
  for (const line of ["X: plain", "Expect: 100-continue"]) {
    using client = new RawClient(address);
    client.say(head(host, "Content-Length: 2001", line) + "x".repeat(2_001));
    await until("it is refused", () => client.isClosed);
    assert.deepEqual(codesOf(client), [413]);
    assert.match(client.heard, /too large: at most 2000 bytes are taken here \(bodyBytesMax\)\n$/);
  }
  assert.equal(asked, 0);
});

test("a body in chunks that grows too long never is a whole one", async () => {
  const wholes: number[] = [];
  const host = await serve((req, res) => {
    let bytes = 0;
    req.on("data", (piece: Buffer) => {
      bytes += piece.length;
    });
    req.on("end", () => {
      wholes.push(bytes);
      res.end("whole");
    });
    req.on("error", () => {});
  });
  const chunk = (letters: number) => `${letters.toString(16)}\r\n${"x".repeat(letters)}\r\n`;
  for (const [last, code] of [
    [501, 413],
    [500, 200],
  ] as const) {
    using client = new RawClient(address);
    client.say(`${head(host, "Transfer-Encoding: chunked", "Connection: close")}${chunk(1_500)}`);
    client.say(`${chunk(last)}0\r\n\r\n`);
    await until("it is answered", () => client.isClosed);
    assert.deepEqual(codesOf(client), [code]);
  }
  assert.deepEqual(wholes, [2_000]);
});

test("the last answer on a connection says so, whoever gives it", async () => {
  const host = await serve((_, res) => res.end("served\n"));
  for (const last of [host, "nobody.localhost"]) {
    using client = new RawClient(address);
    const ask = (to: string) => head(to, "Content-Length: 0");
    client.say(ask(host) + ask(last) + ask(host));
    await until("it is closed", () => client.isClosed);
    const [, first = "", second = "", ...others] = client.heard.split(/^HTTP\/1\.1 /m);
    assert.doesNotMatch(first, /^Connection: close/m);
    assert.match(second, /^Connection: close/m);
    assert.deepEqual(others, []);
  }
});

test("a client that never begins with its body is cut, once somebody would take it", async () => {
  const host = await serve((req, res) => req.on("end", () => res.end("whole")).resume());
  using client = new RawClient(address);
  client.say(head(host, "Content-Length: 3"));
  await until("it is cut", () => client.isClosed);
  assert.deepEqual(codesOf(client), [408]);
  using told = new RawClient(address);
  told.say(head(host, "Content-Length: 3", "Expect: 100-continue"));
  await until("it is cut", () => told.isClosed);
  assert.deepEqual(codesOf(told), [100, 408]);
  await fleet.putBackend(backendOf("default/none", [], { timeoutMs: 900 }));
  await fleet.putRoute(routeOf("none.localhost", { "default/none": 100 }));
  using early = new RawClient(address);
  early.say(head("none.localhost", "Content-Length: 3"));
  await early.hears("no instance became ready");
  assert.deepEqual(codesOf(early), [503]);
});

test("a request whose time is over is a 408 where its body is missing, or else a 504", async () => {
  const host = await serve((req) => void req.resume(), { timeoutMs: 700 });
  using slow = new RawClient(address);
  slow.say(head(host, "Content-Length: 1000"));
  while (!slow.isClosed) {
    slow.say("x");
    await systemClock.sleep(50);
  }
  assert.deepEqual(codesOf(slow), [408]);
  using whole = new RawClient(address);
  whole.say(`${head(host, "Content-Length: 1")}x`);
  await whole.hears("did not answer within 700 ms");
  assert.deepEqual(codesOf(whole), [504]);
});

test("what a client does not take is dropped, and an old one is told of a cut", async () => {
  let ends = 0;
  const host = await serve((req, res) => {
    res.on("close", () => {
      ends += 1;
    });
    if (req.url === "/cut") res.write("begun", () => req.socket.resetAndDestroy());
    else res.end(Buffer.alloc(30_000_000));
  });
  const errors: string[] = [];
  using lazy = new RawClient(address);
  lazy.socket.pause();
  lazy.socket.on("error", ({ message }) => errors.push(message));
  lazy.say(`GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
  await until("it is cut", () => ends === 1);
  lazy.socket.resume();
  await until("it is told", () => lazy.isClosed);
  using old = new RawClient(address);
  old.socket.on("error", ({ message }) => errors.push(message));
  old.say(`GET /cut HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
  await until("it is told as well", () => old.isClosed);
  assert.deepEqual(errors, ["read ECONNRESET", "read ECONNRESET"]);
});
