import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import type { DataPlane } from "../data_plane.ts";
import type { Address } from "../front.ts";
import { LIMITS, setLimits } from "../limits.ts";
import { backendOf, Instance, planeOfTest, routeOf, until } from "../rig.ts";
import * as Code from "./codes.ts";
import { frame, RawPeer, request, requestFields, settings, widen } from "./raw_peer.ts";
import { PREFACE } from "./upgrade.ts";
import { askStream, connectTo } from "./world.ts";

/** A data plane in this process, so that its counters can be seen. */
let plane: DataPlane;
let address: Address;
let instance: Instance;
let served = 0;

before(async () => {
  plane = planeOfTest();
  instance = await Instance.start("a", (_, res) => {
    served += 1;
    setTimeout(() => res.end("fine"), 20);
  });
  plane.table.apply({ putBackend: backendOf("default/a", [instance]) });
  plane.table.apply({ putRoute: routeOf("a.localhost", { "default/a": 100 }) });
  address = await plane.front.listen({ host: "127.0.0.1", port: 0 });
});

after(async () => {
  await plane.front.close();
  await instance[Symbol.asyncDispose]();
});

const CALM = Code.ENHANCE_YOUR_CALM;

/** ":method: GET", ":scheme: http", ":path: /" by the static table, and the host. */
const HEAD = Buffer.concat([
  Buffer.from([0x82, 0x86, 0x84, 0x41, 0x0b]),
  Buffer.from("a.localhost"),
]);

async function stillServes(): Promise<void> {
  const session = connectTo(address);
  assert.equal((await askStream(session, { host: "a.localhost" })).body, "fine");
  session.destroy();
}

test("streams that are opened and taken back at once end the connection", async () => {
  using attacker = new RawPeer(address);
  const before = served;
  for (let at = 0; at < 2_000 && !attacker.isClosed; at += 1) {
    const stream = 1 + 2 * at;
    attacker.say(frame(1, 5, stream, HEAD), frame(3, 0, stream, Buffer.from([0, 0, 0, 8])));
    if (at % 50 === 0) await systemClock.sleep(1);
  }
  await until("it is closed", () => attacker.isClosed);
  assert(plane.table.counts.h2Resets >= 1);
  assert(served - before <= LIMITS.h2ResetsMax + LIMITS.h2StreamsMax, `${served - before} served`);
  await stillServes();
});

const FLOODS = [
  { title: "PINGs", attack: "h2Pings", one: () => frame(6, 0, 0, Buffer.alloc(8)) },
  { title: "SETTINGS", attack: "h2Settings", one: () => frame(4, 0, 0) },
  { title: "answers to SETTINGS", attack: "h2Frames", one: () => frame(4, Code.ACK, 0) },
  { title: "PRIORITY", attack: "h2Frames", one: () => frame(2, 0, 1, Buffer.alloc(5)) },
  { title: "WINDOW_UPDATE", attack: "h2Frames", one: () => widen(0, 1) },
  { title: "frames of no known type", attack: "h2Frames", one: () => frame(0xbe, 0, 0) },
] as const;

for (const { title, attack, one } of FLOODS) {
  test(`a flood of ${title} ends the connection`, async () => {
    using attacker = new RawPeer(address);
    const before = plane.table.counts[attack];
    for (let at = 0; at < 2_000 && !attacker.isClosed; at += 1) {
      attacker.say(one());
      if (at % 20 === 0) await systemClock.sleep(1);
    }
    await until("it is closed", () => attacker.isClosed);
    assert.equal(plane.table.counts[attack], before + 1);
    // What it still sends may make the kernel drop the words for it.
    assert.equal(attacker.codes(Code.GOAWAY)[0] ?? CALM, CALM);
    await stillServes();
  });
}

test("a client may answer each answer with a PING, as gRPC does to measure its way", async () => {
  using client = new RawPeer(address);
  const before = plane.table.counts.h2Pings;
  const rounds = LIMITS.h2PingsMax * 3;
  const nobody = requestFields("nobody.localhost");
  for (let at = 0; at < rounds && !client.isClosed; at += 1) {
    client.say(request(1 + 2 * at, nobody));
    await client.settled();
  }
  assert.equal(client.of(Code.PING).length, rounds);
  assert.equal(plane.table.counts.h2Pings, before);
});

test("a client may take an answer by the byte, and say so each time", async () => {
  const { h2IdleFramesMax } = LIMITS;
  setLimits({ h2IdleFramesMax: 10 });
  using client = new RawPeer(
    address,
    Buffer.concat([PREFACE, settings([Code.INITIAL_WINDOW_SIZE, 1])]),
  );
  client.say(request(1, requestFields(`${"x".repeat(60)}.localhost`)));
  while (!client.isEnded(1) && !client.isClosed) {
    const before = client.body(1).length;
    await until("a byte comes", () => client.body(1).length > before || client.isEnded(1));
    client.say(widen(1, 1), widen(0, 1));
    if (client.body(1).at(-1) === 0x0a) await client.ended(1);
  }
  setLimits({ h2IdleFramesMax });
  assert.match(client.body(1).toString(), /no service has the host "x+\.localhost"\n$/);
});

for (const padding of [undefined, 0, 200]) {
  test(`a flood of empty DATA ends the connection, padded by ${padding}`, async () => {
    using attacker = new RawPeer(address);
    const before = plane.table.counts.h2Frames;
    attacker.say(frame(1, 4, 1, HEAD));
    const isPadded = padding !== undefined;
    const pad = isPadded ? Buffer.concat([Buffer.of(padding), Buffer.alloc(padding)]) : undefined;
    const one = frame(Code.DATA, isPadded ? Code.PADDED : 0, 1, pad);
    for (let at = 0; at < 400 && !attacker.isClosed; at += 1) attacker.say(one);
    await until("it is closed", () => attacker.isClosed);
    assert.equal(plane.table.counts.h2Frames, before + 1);
    await stillServes();
  });
}

test("a head that goes on in CONTINUATION without end ends the connection", async () => {
  using attacker = new RawPeer(address);
  const before = plane.table.counts.h2Frames;
  attacker.say(frame(1, 1, 1, HEAD));
  // Literals of a kilobyte each, and never the end.
  const field = Buffer.concat([
    Buffer.from([0, 1, 0x78, 0x7f, 0x81, 0x07]),
    Buffer.alloc(1024, "v"),
  ]);
  for (let at = 0; at < 200 && !attacker.isClosed; at += 1) attacker.say(frame(9, 0, 1, field));
  await until("it is closed", () => attacker.isClosed);
  assert.equal(plane.table.counts.h2Frames, before + 1);
  await stillServes();
});

test("a small head that stands for a large one is refused", async () => {
  using attacker = new RawPeer(address);
  const before = served;
  // One field of 4,000 bytes enters the table; then each byte stands for it.
  const long = Buffer.concat([
    Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]),
    Buffer.alloc(4000, "v"),
  ]);
  const bomb = Buffer.concat([HEAD, long, Buffer.alloc(4000, 0xbe)]);
  attacker.say(frame(1, 5, 1, bomb));
  await systemClock.sleep(100);
  assert.equal(served, before);
  await stillServes();
});

test("streams that we have to take back, for what is said in them, are its end", async () => {
  using attacker = new RawPeer(address);
  const before = plane.table.counts.h2Frames;
  for (let at = 0; at < 400 && !attacker.isClosed; at += 1) {
    const stream = 1 + 2 * at;
    attacker.say(frame(1, 5, stream, HEAD), widen(stream, 0));
    if (at % 20 === 0) await systemClock.sleep(1);
  }
  await until("it is closed", () => attacker.isClosed);
  assert.equal(plane.table.counts.h2Frames, before + 1);
  assert.equal(attacker.codes(Code.GOAWAY)[0] ?? CALM, CALM);
  await stillServes();
});

test("streams beyond those allowed are refused, and then the connection ends", async () => {
  using attacker = new RawPeer(address);
  const fields = requestFields("a.localhost", "POST");
  for (let at = 0; at < LIMITS.h2StreamsMax + 50; at += 1) {
    attacker.say(request(1 + 2 * at, fields, false));
  }
  await attacker.settled();
  const refused = attacker.of(Code.RST_STREAM).map(({ payload }) => payload.readUInt32BE(0));
  assert.deepEqual(refused, Array(50).fill(Code.REFUSED_STREAM));
  for (let at = 0; at < 100; at += 1) {
    attacker.say(request(1 + 2 * (LIMITS.h2StreamsMax + 50 + at), fields, false));
  }
  await until("it is closed", () => attacker.isClosed);
  assert.equal(attacker.codes(Code.GOAWAY)[0] ?? CALM, CALM);
  await stillServes();
});

test("a client that asks and never reads is not kept for", async () => {
  using attacker = new RawPeer(address);
  const { h2SessionMegabytesMax } = LIMITS;
  setLimits({ h2SessionMegabytesMax: 1 });
  attacker.socket.pause();
  const before = process.memoryUsage.rss();
  const nobody = requestFields("nobody.localhost");
  let isOver = false;
  attacker.socket.on("error", () => {
    isOver = true;
  });
  for (let at = 0; at < 1_000 && !isOver; at += 1) {
    const many = Array.from({ length: 100 }, (_, more) =>
      request(1 + 2 * (at * 100 + more), nobody),
    );
    attacker.say(...many);
    await systemClock.sleep(1);
  }
  setLimits({ h2SessionMegabytesMax });
  assert(isOver, "its connection was not closed");
  assert(process.memoryUsage.rss() - before < 200e6);
  await stillServes();
});
