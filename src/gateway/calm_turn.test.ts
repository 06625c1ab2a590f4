import assert from "node:assert/strict";
import { test } from "node:test";
import { calmTurn } from "./calm_turn.ts";

/** A clock on which turns take so long, the last of these for ever. */
function clockOf(...turns: readonly number[]) {
  const clock = { asked: 0, now: 0, elapsed };
  return clock;
  function elapsed(): number {
    const ms = turns[Math.min(clock.asked, turns.length - 1)] ?? 0;
    clock.asked += 1;
    clock.now += ms;
    return clock.now;
  }
}

test("a turn with little to do is waited for, and not for ever", async () => {
  const calm = clockOf(0, 0, 3, 2, 0.01, 9);
  await calmTurn(calm);
  assert.equal(calm.now, 5.01);
  const busy = clockOf(0, 0, 30);
  await calmTurn(busy);
  assert.equal(busy.now, 120);
});
