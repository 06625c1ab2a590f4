import assert from "node:assert/strict";
import { test } from "node:test";
import { delayMs } from "./backoff.ts";
import { seededChance } from "./chance.ts";

const BACKOFF = { firstMs: 100, mostMs: 5000 };

test("waits double until they are as long as they get", () => {
  const whole = { ...seededChance(1), fraction: () => 0 };
  const waits = [0, 1, 2, 3, 4, 5, 6, 7, 1000].map((attempt) => delayMs(BACKOFF, attempt, whole));
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
});

test("chance takes up to a fifth off a wait, and never more", () => {
  const chance = seededChance(3);
  const waits = Array.from({ length: 500 }, () => delayMs(BACKOFF, 3, chance));
  assert(waits.every((ms) => ms > 639 && ms <= 800));
  assert(new Set(waits).size > 50, "what failed together does not come back together");
});
