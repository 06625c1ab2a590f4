import assert from "node:assert/strict";
import { test } from "node:test";
import { type Point, slopeOf } from "./slope.ts";

const MINUTE_MS = 60_000;

/** A value each minute that begins at `from` and grows by `perHour`, with some noise. */
function run(from: number, perHour: number, noise = 0, startMs = 0): readonly Point[] {
  return Array.from({ length: 30 }, (_, at) => ({
    atMs: startMs + at * MINUTE_MS,
    value: from + (perHour * at) / 60 + (at % 2 === 0 ? noise : -noise),
  }));
}

test("a line that grows is found to grow by as much, exactly", () => {
  const { perHour = 0, give = 1, points } = slopeOf([run(100, 12)]) ?? {};
  assert.deepEqual([perHour.toFixed(6), give.toFixed(6), points], ["12.000000", "0.000000", 30]);
});

test("a process that was started again lower has not shrunk", () => {
  const runs = [run(300, 6), run(100, 6, 0, 40 * MINUTE_MS)];
  assert.equal(slopeOf(runs)?.perHour.toFixed(6), "6.000000");
});

test("noise gives a slope that may be nothing, and says so", () => {
  const { perHour = 99, give = 0 } = slopeOf([run(100, 0, 5)]) ?? {};
  assert(Math.abs(perHour) < give, `${perHour} within ${give}`);
});

test("of too few points nothing is said", () => {
  assert.equal(slopeOf([]), undefined);
  assert.equal(slopeOf([run(1, 1).slice(0, 2)]), undefined);
});
