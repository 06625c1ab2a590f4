import assert from "node:assert/strict";
import { test } from "node:test";
import { seededChance, systemChance } from "../base/chance.ts";
import { Frames } from "./frames.ts";
import { backendOf, Instance, RawClient, Rig, routeOf, until } from "./rig.ts";

const ID = "default/chat-00001";
const HOST = "chat.localhost";
const AWAY = "\x88\x02\x03\xe9";

/** A frame as a server sends it: not masked. */
function frame(payload: string): string {
  const { length } = payload;
  const size =
    length < 126
      ? String.fromCharCode(length)
      : `\x7e${String.fromCharCode(length >> 8, length & 255)}`;
  return `\x82${size}${payload}`;
}

test("a WebSocket of an instance that is taken out is told to go, between two frames", async () => {
  await using rig = new Rig();
  const fleet = await rig.start({ limits: { tunnelDrainMs: 50, lastWordMs: 100 } });
  await using instance = await Instance.start("chat");
  let heard = "";
  let say = (_: string) => {};
  instance.server.on("upgrade", (_, socket) => {
    socket.write("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    socket.on("data", (bytes: Buffer) => {
      heard += bytes.toString("latin1");
    });
    socket.on("end", () => socket.end());
    say = (text) => void socket.write(text, "latin1");
  });
  await fleet.putBackend(backendOf(ID, [instance]));
  await fleet.putRoute(routeOf(HOST, { [ID]: 100 }));
  assert(fleet.address !== undefined);
  using client = new RawClient(fleet.address);
  client.say(
    "GET / HTTP/1.1",
    `Host: ${HOST}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "",
    "",
  );
  await client.hears("101 X");
  const whole = frame("x".repeat(300));
  say(whole.slice(0, 100));
  await client.hears(whole.slice(0, 100));
  await fleet.putBackend(backendOf(ID, []));
  await until("the instance is told", () => heard === "\x88\x82\0\0\0\0\x03\xe9");
  assert(!client.heard.includes(AWAY), "the frame that has begun is not broken off");
  say(whole.slice(100));
  await client.hears(`${whole}${AWAY}`);
  await until("it is closed", () => client.isClosed);
  await fleet.drained("chat", 10_000);
});

test("the end of a frame is found, however its bytes come", () => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance = seededChance(seed);
  const lengths = [0, 1, 125, 126, 127, 300, 65_535, 65_536, 70_000];
  for (let round = 0; round < 200; round += 1) {
    const length = lengths[Math.floor(chance.fraction() * lengths.length)] ?? 0;
    const bytes = maskedFrame(length, chance.fraction() < 0.5);
    const frames = new Frames();
    let at = 0;
    while (at < bytes.length) {
      const end = Math.min(bytes.length, at + 1 + Math.floor(chance.fraction() ** 4 * 70_000));
      const isLast = end === bytes.length;
      const found = frames.feed(bytes.subarray(at, end));
      assert.equal(found, isLast ? end - at : -1, `seed ${seed}, ${length} bytes`);
      assert.equal(frames.isBetween, isLast, `seed ${seed}, ${length} bytes`);
      at = end;
    }
  }
});

function maskedFrame(length: number, isMasked: boolean): Buffer {
  const mark = isMasked ? 0x80 : 0;
  const head =
    length < 126 ? [mark | length] : length < 65_536 ? [mark | 126, length >> 8, length & 255] : [];
  const long = Buffer.alloc(9);
  long[0] = mark | 127;
  long.writeBigUInt64BE(BigInt(length), 1);
  const size = head.length > 0 ? Buffer.from(head) : long;
  const mask = Buffer.alloc(isMasked ? 4 : 0, 7);
  return Buffer.concat([Buffer.of(0x82), size, mask, Buffer.alloc(length)]);
}
