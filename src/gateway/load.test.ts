import assert from "node:assert/strict";
import { test } from "node:test";
import { LoadMeter } from "./load.ts";

test("a meter tells how much was open for how long, and how many came", () => {
  const told: LoadMeter[] = [];
  const meter = new LoadMeter("a", told);
  assert.equal(meter.take(500), undefined);
  meter.enter(1000);
  meter.enter(1200);
  meter.leave(1300);
  assert.deepEqual(meter.take(1500), { backend: "a", busyMs: 200 + 200 + 200, requests: 2 });
  assert.equal(meter.inside, 1);
  assert.deepEqual(meter.take(2500), { backend: "a", busyMs: 1000, requests: 0 });
  meter.leave(2600);
  assert.deepEqual(meter.take(3500), { backend: "a", busyMs: 100, requests: 0 });
  assert.equal(meter.take(4500), undefined);
});

test("a meter is told of from its first request until all of that was told", () => {
  const told: LoadMeter[] = [];
  const [meter, idle] = [new LoadMeter("a", told), new LoadMeter("b", told)];
  meter.enter(1000);
  meter.enter(1100);
  assert.deepEqual(told.splice(0), [meter]);
  assert.equal(meter.take(1200)?.requests, 2);
  assert.equal(meter.stays(), true);
  meter.leave(1300);
  meter.leave(1400);
  assert.equal(meter.take(1500)?.busyMs, 300);
  assert.equal(meter.stays(), false);
  meter.enter(1600);
  assert.deepEqual(told, [meter], "and again from the next one on");
  assert.equal(idle.take(1700), undefined);
});
