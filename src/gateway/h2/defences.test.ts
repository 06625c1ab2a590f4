import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { systemChance } from "../../base/chance.ts";
import { systemClock } from "../../base/clock.ts";
import { type DataPlane, makeDataPlane } from "../data_plane.ts";
import type { Address } from "../front.ts";
import { LIMITS } from "../limits.ts";
import { backendOf, Instance, routeOf, until } from "../rig.ts";
import { PREFACE } from "./upgrade.ts";
import { askStream, connectTo } from "./world.ts";

/** A data plane in this process, so that its counters can be seen. */
let plane: DataPlane;
let address: Address;
let instance: Instance;
let served = 0;

before(async () => {
  plane = makeDataPlane({
    clock: systemClock,
    chance: systemChance,
    isSettled: () => true,
    waiting: () => {},
    woke: () => {},
  });
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

const GOAWAY = 7;
const ENHANCE_YOUR_CALM = 11;

function frame(type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** ":method: GET", ":scheme: http", ":path: /" by the static table, and the host. */
const HEAD = Buffer.concat([
  Buffer.from([0x82, 0x86, 0x84, 0x41, 0x0b]),
  Buffer.from("a.localhost"),
]);

/** A client that says frames as it likes, and keeps the codes of the GOAWAYs that it hears. */
class Attacker implements Disposable {
  readonly socket: Socket;
  readonly codes: number[] = [];
  isClosed = false;
  #heard = Buffer.alloc(0);

  constructor() {
    this.socket = connect(address.port, address.host);
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.isClosed = true;
    });
    this.socket.on("data", (bytes: Buffer) => {
      this.#heard = Buffer.concat([this.#heard, bytes]);
      this.#read();
    });
    this.socket.write(Buffer.concat([PREFACE, frame(4, 0, 0)]));
  }

  say(...frames: readonly Buffer[]): void {
    if (!this.isClosed) this.socket.write(Buffer.concat(frames));
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #read(): void {
    while (this.#heard.length >= 9) {
      const end = 9 + this.#heard.readUIntBE(0, 3);
      if (this.#heard.length < end) return;
      if (this.#heard[3] === GOAWAY) this.codes.push(this.#heard.readUInt32BE(13));
      this.#heard = this.#heard.subarray(end);
    }
  }
}

async function stillServes(): Promise<void> {
  const session = connectTo(address);
  assert.equal((await askStream(session, { host: "a.localhost" })).body, "fine");
  session.destroy();
}

test("streams that are opened and taken back at once end the connection", async () => {
  using attacker = new Attacker();
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
] as const;

for (const { title, attack, one } of FLOODS) {
  test(`a flood of ${title} ends the connection`, async () => {
    using attacker = new Attacker();
    const before = plane.table.counts[attack];
    for (let at = 0; at < 400 && !attacker.isClosed; at += 1) {
      attacker.say(one());
      if (at % 20 === 0) await systemClock.sleep(1);
    }
    await until("it is closed", () => attacker.isClosed);
    assert.equal(plane.table.counts[attack], before + 1);
    // What it still sends may make the kernel drop the words for it.
    assert.equal(attacker.codes[0] ?? ENHANCE_YOUR_CALM, ENHANCE_YOUR_CALM);
    await stillServes();
  });
}

test("a flood of empty DATA ends the connection", async () => {
  using attacker = new Attacker();
  const before = plane.table.counts.h2Frames;
  attacker.say(frame(1, 4, 1, HEAD));
  for (let at = 0; at < 400 && !attacker.isClosed; at += 1) attacker.say(frame(0, 0, 1));
  await until("it is closed", () => attacker.isClosed);
  assert.equal(plane.table.counts.h2Frames, before + 1);
  await stillServes();
});

test("a head that goes on in CONTINUATION without end ends the connection", async () => {
  using attacker = new Attacker();
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
  using attacker = new Attacker();
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
