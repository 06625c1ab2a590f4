import assert from "node:assert/strict";
import { test } from "node:test";
import { getHeapSpaceStatistics } from "node:v8";
import { WorldClock } from "../../test/world/world_clock.ts";
import { StartGarbage } from "./start_garbage.ts";

test("the room that a start took is given back some seconds later, and not before", async () => {
  const clock = new WorldClock();
  await using garbage = new StartGarbage(clock);
  await garbage.start();
  let kept: object[] = [];
  for (let at = 0; at < 2_000_000; at += 1) {
    kept.push({ at });
    if (kept.length > 100_000) kept = [];
  }
  const before = youngBytes();
  assert.ok(before > 4_000_000, `the young generation has grown: ${before}`);
  clock.pass(2.9);
  assert.equal(youngBytes(), before);
  clock.pass(0.1);
  assert.ok(youngBytes() <= before / 2, `${youngBytes()} of ${before} bytes are left`);
});

function youngBytes(): number {
  const spaces = getHeapSpaceStatistics();
  return spaces.find(({ space_name: name }) => name === "new_space")?.space_size ?? 0;
}
