import assert from "node:assert/strict";
import { test } from "node:test";
import { type Backend, makeBackend } from "./backend.ts";
import { enter, insideOf, leave, staysTold, takeLoad } from "./load.ts";

const LIMITS = { timeoutMs: 1, concurrency: 0 };

test("a load tells how much was open for how long, and how many came", () => {
  const one = makeBackend("a", LIMITS);
  assert.equal(takeLoad(one, 500), undefined);
  enter(one, 1000);
  enter(one, 1200);
  leave(one, 1300);
  assert.deepEqual(takeLoad(one, 1500), { backend: "a", busyMs: 200 + 200 + 200, requests: 2 });
  assert.equal(insideOf(one), 1);
  assert.deepEqual(takeLoad(one, 2500), { backend: "a", busyMs: 1000, requests: 0 });
  leave(one, 2600);
  assert.deepEqual(takeLoad(one, 3500), { backend: "a", busyMs: 100, requests: 0 });
  assert.equal(takeLoad(one, 4500), undefined);
});

test("a backend is told of from its first request until all of that was told", () => {
  const told: Backend[] = [];
  const [one, idle] = [makeBackend("a", LIMITS, told), makeBackend("b", LIMITS, told)];
  enter(one, 1000);
  enter(one, 1100);
  assert.deepEqual(told.splice(0), [one]);
  assert.equal(takeLoad(one, 1200)?.requests, 2);
  assert.equal(staysTold(one), true);
  leave(one, 1300);
  leave(one, 1400);
  assert.equal(takeLoad(one, 1500)?.busyMs, 300);
  assert.equal(staysTold(one), false);
  enter(one, 1600);
  assert.deepEqual(told, [one], "and again from the next one on");
  assert.equal(takeLoad(idle, 1700), undefined);
});
