import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import type { DataPlane } from "../data_plane.ts";
import type { Address } from "../front.ts";
import { LIMITS, setLimits } from "../limits.ts";
import { backendOf, type Handler, Instance, planeOfTest, routeOf, until } from "../rig.ts";
import * as Code from "./codes.ts";
import { frame, RawPeer, request, requestFields, settings, uint32, widen } from "./raw_peer.ts";
import { PREFACE } from "./upgrade.ts";

const stack = new AsyncDisposableStack();
let plane: DataPlane;
let address: Address;
let count = 0;

before(async () => {
  plane = planeOfTest();
  address = await plane.front.listen({ host: "127.0.0.1", port: 0 });
});

after(async () => {
  await plane.front.close();
  await stack.disposeAsync();
});

/** A host of its own for one test; without a handler nobody is there yet. */
async function serve(handler?: Handler): Promise<string> {
  count += 1;
  const [id, host] = [`default/h-${count}`, `h-${count}.localhost`];
  const instances = handler === undefined ? [] : [stack.use(await Instance.start(id, handler))];
  plane.table.apply({ putBackend: backendOf(id, instances) });
  plane.table.apply({ putRoute: routeOf(host, { [id]: 100 }) });
  return host;
}

/** A client that takes so much of a stream ahead. */
function peerOf(window: number): RawPeer {
  return new RawPeer(address, Buffer.concat([PREFACE, settings([4, window])]));
}

const digest = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const TEXT = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));

test("an answer goes as far as the windows, of its stream and of all", async () => {
  const host = await serve((_, res) => res.end(TEXT));
  using peer = peerOf(0);
  peer.say(request(1, requestFields(host)));
  await until("there is a head", () => peer.heads(1).length > 0);
  for (const [more, length] of [
    [1, 1],
    [6, 7],
    [20_000, 20_007],
  ] as const) {
    peer.say(widen(1, more));
    await until(`${length} bytes have come`, () => peer.body(1).length === length);
  }
  peer.say(widen(1, 1_000_000));
  await until("the window of all is used up", () => peer.body(1).length === Code.WINDOW_BYTES);
  await peer.settled();
  assert.equal(peer.body(1).length, Code.WINDOW_BYTES);
  peer.say(widen(0, 1_000_000));
  await peer.ended(1);
  assert.equal(digest(peer.body(1)), digest(TEXT));
  assert(peer.of(Code.DATA).every(({ payload }) => payload.length <= Code.FRAME_BYTES_MAX));
});

test("a window that was taken back is made up for first", async () => {
  const host = await serve((_, res) => res.end(TEXT));
  using peer = peerOf(1_000);
  peer.say(request(1, requestFields(host)));
  await until("it is used up", () => peer.body(1).length === 1_000);
  peer.say(settings([4, 0]), widen(1, 999));
  await peer.settled();
  assert.equal(peer.body(1).length, 1_000);
  peer.say(widen(1, 6));
  await until("the rest has come", () => peer.body(1).length === 1_005);
  peer.say(settings([4, 10]));
  await until("all streams have more", () => peer.body(1).length === 1_015);
});

test("streams that wait for the same window have it in turn", async () => {
  const host = await serve((_, res) => res.end(TEXT));
  using peer = peerOf(10_000_000);
  const ids = [1, 3, 5, 7];
  peer.say(...ids.map((id) => request(id, requestFields(host))));
  const total = () => ids.reduce((sum, id) => sum + peer.body(id).length, 0);
  await until("it is used up", () => total() === Code.WINDOW_BYTES);
  await systemClock.sleep(50);
  const before = ids.map((id) => peer.body(id).length);
  for (const turn of ids.keys()) {
    peer.say(widen(0, Code.FRAME_BYTES_MAX));
    const length = Code.WINDOW_BYTES + (turn + 1) * Code.FRAME_BYTES_MAX;
    await until("there is more", () => total() === length);
  }
  const more = ids.map((id, at) => peer.body(id).length - (before[at] ?? 0));
  assert(
    more.every((bytes) => bytes > 0),
    `they have got ${more}`,
  );
  peer.say(widen(0, 10_000_000));
  for (const id of ids) await peer.ended(id);
  assert.deepEqual(new Set(ids.map((id) => digest(peer.body(id)))), new Set([digest(TEXT)]));
});

test("a large body passes through tiny windows", async () => {
  const host = await serve((_, res) => res.end(TEXT.subarray(0, 20_000)));
  using peer = peerOf(1);
  peer.say(request(1, requestFields(host)));
  let told = 0;
  await until("all has come", () => {
    const { length } = peer.body(1);
    if (length >= told) {
      told += 77;
      peer.say(widen(1, 77));
    }
    return peer.isEnded(1);
  });
  assert.equal(digest(peer.body(1)), digest(TEXT.subarray(0, 20_000)));
});

test("what nobody takes of bodies is held back, and goes on when somebody does", async () => {
  let bytes = 0;
  const host = await serve();
  using peer = peerOf(Code.WINDOW_BYTES);
  peer.say(request(1, requestFields(host, "POST"), false));
  const frames = LIMITS.h2WindowBytes / Code.FRAME_BYTES_MAX;
  for (let at = 0; at < frames; at += 1) {
    peer.say(frame(Code.DATA, 0, 1, Buffer.alloc(Code.FRAME_BYTES_MAX)));
  }
  await peer.settled();
  assert.deepEqual(peer.of(Code.WINDOW_UPDATE, 1), []);
  const instance = stack.use(
    await Instance.start("late", (req, res) => {
      req.on("data", (piece: Buffer) => {
        bytes += piece.length;
      });
      req.on("end", () => res.end("done"));
    }),
  );
  plane.table.apply({ putBackend: backendOf(`default/h-${count}`, [instance]) });
  await until("it is taken", () => bytes === LIMITS.h2WindowBytes);
  const told = () =>
    peer.of(Code.WINDOW_UPDATE, 1).reduce((sum, it) => sum + it.payload.readUInt32BE(0), 0);
  await until("there is a window again", () => told() >= LIMITS.h2WindowBytes / 2);
  peer.say(frame(Code.DATA, Code.END_STREAM, 1, Buffer.of(1)));
  await peer.ended(1);
  assert.deepEqual([peer.body(1).toString(), bytes], ["done", LIMITS.h2WindowBytes + 1]);
});

test("bodies of streams that are taken back do not use up the window of all", async () => {
  const host = await serve();
  using peer = peerOf(Code.WINDOW_BYTES);
  const body = Buffer.alloc(Code.FRAME_BYTES_MAX);
  for (let at = 0; at < 40; at += 1) {
    const id = 1 + 2 * at;
    peer.say(request(id, requestFields(host, "POST"), false));
    for (let piece = 0; piece < 8; piece += 1) peer.say(frame(Code.DATA, 0, id, body));
    peer.say(frame(Code.RST_STREAM, 0, id, uint32(Code.CANCEL)));
    await peer.settled();
  }
  assert.deepEqual(peer.codes(Code.GOAWAY), []);
  const told = peer.of(Code.WINDOW_UPDATE, 0);
  const all = told.reduce((sum, it) => sum + it.payload.readUInt32BE(0), Code.WINDOW_BYTES);
  assert(all - 40 * 8 * body.length >= LIMITS.h2SessionWindowBytes / 2);
});

test("a head that is larger than a frame goes on in another", async () => {
  const long = "v".repeat(9_000);
  const host = await serve((_, res) => {
    res.writeHead(200, { "X-One": long, "X-Two": long, "X-Three": long });
    res.end("ok");
  });
  using peer = peerOf(Code.WINDOW_BYTES);
  peer.say(request(1, requestFields(host)));
  await peer.ended(1);
  const [head = {}] = peer.heads(1);
  assert.deepEqual([head["x-one"], head["x-two"], head["x-three"]], [long, long, long]);
  assert.equal(peer.body(1).toString(), "ok");
});

test("a client that begins a frame and does not go on is not waited for", async (t) => {
  const { headMs } = LIMITS;
  setLimits({ headMs: 300 });
  t.after(() => setLimits({ headMs }));
  const host = await serve((_, res) => res.end("ok"));
  using peer = peerOf(Code.WINDOW_BYTES);
  peer.say(request(1, requestFields(host)));
  await peer.ended(1);
  peer.say(request(3, requestFields(host)).subarray(0, 20));
  await until("it is closed", () => peer.isClosed);
  using silent = new RawPeer(address, PREFACE.subarray(0, 10));
  await until("it is closed", () => silent.isClosed);
});
