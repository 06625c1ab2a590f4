import assert from "node:assert/strict";
import { after, test } from "node:test";
import { seededChance, systemChance } from "../../base/chance.ts";
import { backendOf, Instance, planeOfTest, routeOf } from "../rig.ts";
import * as Code from "./codes.ts";
import { anyBytes, anyCuts, serveAny, toldOf } from "./fuzzing.ts";
import { frame, request, requestFields, settings, uint32, widen } from "./raw_peer.ts";
import { PREFACE } from "./upgrade.ts";

const CASES = 20_000;

const ALL = Buffer.concat([
  ...[PREFACE, settings([3, 100], [4, 70_000])],
  request(1, requestFields("a.localhost", "POST"), false),
  frame(Code.DATA, 0, 1, Buffer.from("hello")),
  frame(Code.DATA, Code.PADDED, 1, Buffer.from("\x03padded...")),
  frame(Code.DATA, Code.PADDED, 1, Buffer.from("\x02...")),
  frame(Code.DATA, 0, 1),
  frame(Code.DATA, Code.END_STREAM, 1, Buffer.from("!")),
  frame(Code.HEADERS, Code.END_STREAM, 3, Buffer.from([0x82])),
  frame(Code.CONTINUATION, 0, 3),
  frame(Code.CONTINUATION, Code.END_HEADERS, 3, Buffer.from([0x86, 0x84])),
  widen(0, 1_000),
  frame(Code.PING, 0, 0, Buffer.from("12345678")),
  frame(Code.RST_STREAM, 0, 3, uint32(8)),
  frame(99, 3, 1, Buffer.from("unknown")),
  frame(Code.GOAWAY, 0, 0, uint32(0, 0)),
]);

test("frames are the same wherever they are cut", () => {
  const whole = toldOf([ALL]);
  assert.equal(whole.length, 20);
  for (let at = 1; at < ALL.length; at += 1) {
    assert.deepEqual(toldOf([ALL.subarray(0, at), ALL.subarray(at)]), whole, `cut at ${at}`);
  }
  const single = Array.from(ALL, (byte) => Buffer.of(byte));
  assert.deepEqual(toldOf(single), whole);
});

test("what is no frame is told as such, wherever it is cut", () => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance = seededChance(seed);
  let failures = 0;
  for (let at = 0; at < CASES; at += 1) {
    const bytes = anyBytes(chance);
    const whole = toldOf([bytes]);
    assert.deepEqual(toldOf(anyCuts(bytes, chance)), whole, `seed ${seed}, case ${at}`);
    failures += whole.at(-1)?.startsWith("failed") === true ? 1 : 0;
  }
  assert(failures > CASES / 100 && failures < CASES / 2, `seed ${seed}: ${failures} have failed`);
});

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());

test("whatever a client says, nothing is thrown, and little is kept", async () => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance = seededChance(seed);
  const plane = planeOfTest();
  const instance = stack.use(await Instance.start("a"));
  plane.table.apply({ putBackend: backendOf("default/a", [instance]) });
  plane.table.apply({ putRoute: routeOf("a.localhost", { "default/a": 100 }) });
  let written = 0;
  for (let at = 0; at < CASES / 10; at += 1) {
    const most = await serveAny(plane.streams, anyCuts(anyBytes(chance), chance));
    assert(most < 300_000, `seed ${seed}, case ${at}: ${most} bytes were written`);
    written += most;
  }
  assert(written > CASES, `seed ${seed}: ${written} bytes`);
  // All is closed, so there is nothing to wait for.
  await plane.streams.close();
});
