import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { request } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { type Chance, seededChance, systemChance } from "../../base/chance.ts";
import { systemClock } from "../../base/clock.ts";
import { DateLine } from "../../base/h1/date_line.ts";
import { Facts } from "../../base/h1/facts.ts";
import { Head } from "../../base/h1/head.ts";
import { attend } from "../attendant.ts";
import { LIMITS } from "../limits.ts";
import { ask, backendOf, type Handler, Instance, RawClient, Rig, routeOf, until } from "../rig.ts";
import { fleetOfSuite } from "../suite_fleet.ts";
import { Answering } from "./answering.ts";
import { type Asking, askingOf, isProblem, Seen } from "./asking.ts";
import type { H1Answer } from "./channel.ts";

const BODIES = 24;
const BYTES_MAX = 3_000_000;
const { fleet, address, cleanup, serve } = await fleetOfSuite();

test("an empty body in chunks that is sent again ends again", async () => {
  const asked = new Map<Socket, number>();
  const host = await serve((req, res) => {
    const before = asked.get(req.socket) ?? 0;
    asked.set(req.socket, before + 1);
    if (before > 0) req.socket.destroy();
    else req.resume().on("end", () => res.end("whole"));
  });
  using client = new RawClient(address);
  client.say("GET / HTTP/1.1", `Host: ${host}`, "", "");
  await client.hears("whole");
  client.heard = "";
  client.say("PUT / HTTP/1.1", `Host: ${host}`, "Transfer-Encoding: chunked", "", "0", "", "");
  await client.hears("whole");
  assert.match(client.heard, /^HTTP\/1\.1 200 /);
});

test("an answer that has begun is cut when its time is over, unless it may be late", async () => {
  const dawdle: Handler = (_, res) => {
    res.write("begun, ");
    setTimeout(() => res.end("and ended"), 600);
  };
  const instance = cleanup.use(await Instance.start("default/slow", dawdle));
  const backend = backendOf("default/slow", [instance], { timeoutMs: 200 });
  await using other = new Rig();
  const patient = await other.start({ limits: { lateMs: 60_000 } });
  const route = routeOf("slow.localhost", { "default/slow": 100 });
  for (const one of [fleet, patient]) {
    await one.putBackend(backend);
    await one.putRoute(route);
  }
  assert(patient.address !== undefined);
  await assert.rejects(ask(address, { host: "slow.localhost" }), /aborted|hang up|reset/);
  assert.equal((await ask(patient.address, { host: "slow.localhost" })).body, "begun, and ended");
});

test("a client that sends no more has given up on its request, and a connection ends", async () => {
  let closed = 0;
  const host = await serve((req, res) => {
    res.on("close", () => {
      closed += 1;
    });
    if (req.url === "/begun") res.write("begun");
    if (req.url === "/whole") res.end("whole");
  });
  using silent = new RawClient(address);
  silent.say("GET /silent HTTP/1.1", `Host: ${host}`, "", "");
  silent.socket.end();
  await until("it was broken off", () => closed === 1 && silent.isClosed);
  assert.equal(silent.heard, "");
  using begun = new RawClient(address);
  begun.say("GET /begun HTTP/1.1", `Host: ${host}`, "", "");
  await begun.hears("begun");
  begun.socket.end();
  await until("its answer was broken off", () => closed === 2 && begun.isClosed);
  using idle = new RawClient(address);
  idle.say("GET /whole HTTP/1.1", `Host: ${host}`, "", "");
  await idle.hears("whole");
  idle.socket.end();
  await until("it has ended", () => idle.isClosed);
});

test("a socket that was accepted reads into the buffer that it is given", async () => {
  const buffer = Buffer.alloc(8);
  const { promise, resolve } = Promise.withResolvers<string>();
  const server = createServer((socket) => {
    attend(socket, {
      readBuffer: () => buffer,
      socketRead(bytes, length) {
        resolve(`${bytes === buffer ? "" : "not "}here: ${bytes.subarray(0, length)}`);
      },
      socketClosed() {},
    });
    socket.resume();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  client.write("word");
  assert.equal(await promise, "here: word");
  client.destroy();
  server.close();
});

test("many bodies at once, long and short, come back as they went, whoever is slow", async () => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance = seededChance(seed);
  const host = await serve((req, res) => {
    const length = req.headers["content-length"];
    if (length !== undefined && req.headers["x-chunked"] === undefined) {
      res.setHeader("content-length", length);
    }
    req.on("data", (piece: Buffer) => {
      // Both ways are held up now and then.
      if (!res.write(piece) || chance.fraction() < 0.1) pause(req, chance);
    });
    req.on("end", () => res.end());
  });
  const sent = Array.from({ length: BODIES }, () => bodyOf(chance));
  const got = await Promise.all(sent.map((body) => echoed(host, body, chance)));
  assert.deepEqual(got, sent.map(digest), `seed ${seed}`);
});

function pause(stream: { pause(): unknown; resume(): unknown }, chance: Chance): void {
  stream.pause();
  systemClock.after(chance.fraction() * 5, () => void stream.resume());
}

/** Of any length, with no two pieces alike. */
function bodyOf(chance: Chance): Buffer {
  const body = Buffer.alloc(Math.floor(chance.fraction() ** 3 * BYTES_MAX));
  let word = Math.floor(chance.fraction() * 2 ** 31);
  for (let at = 0; at + 4 <= body.length; at += 4) {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) | 0;
    body.writeInt32LE(word, at);
  }
  return body;
}

function digest(body: Buffer): string {
  return `${body.length} ${createHash("sha256").update(body).digest("hex")}`;
}

function echoed(host: string, body: Buffer, chance: Chance): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const isChunked = chance.fraction() < 0.5;
  const headers = { host, ...(!isChunked && { "content-length": body.length }) };
  const back = chance.fraction() < 0.5 ? { "x-chunked": "yes" } : {};
  const to = { ...address, method: "POST", agent: false, headers: { ...headers, ...back } };
  const sent = request(to, (res) => {
    const pieces: Buffer[] = [];
    res.on("data", (piece: Buffer) => {
      pieces.push(piece);
      if (chance.fraction() < 0.2) pause(res, chance);
    });
    res.on("end", () => resolve(digest(Buffer.concat(pieces))));
    res.on("error", reject);
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

test("an answer that waits for its client is not touched by others meanwhile", async () => {
  const host = await serve((req, res) => {
    const [, size, letter = ""] = (req.url ?? "").split("/");
    res.end(Buffer.alloc(Number(size), letter));
  });
  using slow = new RawClient(address);
  // More than the kernel takes, of bodies that are read into either buffer.
  const wanted = Array.from({ length: 120 }, (_, at) => [50_000, 200_000][at % 2] ?? 0);
  for (const [at, size] of wanted.entries()) {
    const last = at === wanted.length - 1 ? "Connection: close" : "X: y";
    slow.say(`GET /${size}/a HTTP/1.1`, `Host: ${host}`, last, "", "");
  }
  await slow.hears("200 OK");
  slow.socket.pause();
  for (let round = 0; round < 50; round += 1) {
    const others = [50_000, 200_000].map((size) => ask(address, { host, path: `/${size}/b` }));
    for (const { body } of await Promise.all(others)) assert(!body.includes("a"));
  }
  slow.socket.resume();
  await until("it has all", () => slow.isClosed);
  const bodies = slow.heard.split(/HTTP.1.1 200[\s\S]*?\r\n\r\n/).slice(1);
  const isWhole = bodies.map((body, at) => body === "a".repeat(wanted[at] ?? 0));
  assert.deepEqual(
    isWhole,
    Array.from({ length: wanted.length }, () => true),
  );
});

test("a client that takes nothing is waited for, however small the pieces are", async () => {
  const { socket } = await pair();
  const writer = { more() {}, whole() {}, cut() {} };
  const answering = new Answering(socket, new DateLine(systemClock), writer);
  const { answer, asking } = readBoth("Content-Length: 100000000");
  answering.begin(answer, asking, { revision: "r", isLast: false, onAnswer: undefined });
  const piece = Buffer.alloc(4_000);
  for (let count = 0; count < 20_000; count += 1) {
    const isFree = answering.body(piece, 0, piece.length, false);
    if (!answering.flush() && !isFree) break;
  }
  const { writableLength } = socket;
  assert(writableLength < 1e6, `${writableLength} bytes wait for it`);
});

test("whoever waits for the client is told when it has taken all, whatever came last", async () => {
  const { socket, client } = await pair();
  let waits = 0;
  let told = 0;
  const more = () => {
    told += 1;
  };
  const answering = new Answering(socket, new DateLine(systemClock), {
    more,
    whole() {},
    cut() {},
  });
  const { answer, asking } = readBoth("Transfer-Encoding: chunked");
  answering.begin(answer, asking, { revision: "r", isLast: false, onAnswer: undefined });
  // More than is copied, and less than makes a socket say that it is full.
  const piece = Buffer.alloc(5_000);
  while (waits < 20) {
    const isFree = answering.body(piece, 0, piece.length, false);
    answering.flush();
    if (isFree) continue;
    waits += 1;
    client.resume();
    await until(`it is told for the ${waits}th time`, () => told >= waits);
    client.pause();
  }
});

/** Two ends of a connection, and nobody reads at that of the client. */
async function pair(): Promise<{ readonly socket: Socket; readonly client: Socket }> {
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const server = createServer(resolve);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1").pause();
  const socket = await promise;
  cleanup.defer(() => {
    socket.destroy();
    client.destroy();
    server.close();
  });
  return { socket, client };
}

/** A request, and the head of a long answer to it. */
function readBoth(framing: string): { readonly answer: H1Answer; readonly asking: Asking } {
  const parts = { head: new Head(LIMITS), facts: new Facts(), spare: new Head(LIMITS) };
  const request = Buffer.from("GET / HTTP/1.1\r\nHost: h.test\r\n\r\n");
  parts.head.readRequest(request, 0, request.length);
  const asking = askingOf(parts, new Seen("192.0.2.1", false));
  assert(!isProblem(asking));
  const head = new Head(LIMITS);
  const facts = new Facts();
  const said = Buffer.from(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
  head.readAnswer(said, 0, said.length);
  facts.read(head, false);
  const rawHeaders = () => head.rawHeaders();
  return {
    answer: { head, facts, code: 200, isStream: false, bodyBytes: 1e8, rawHeaders },
    asking,
  };
}
