import assert from "node:assert/strict";
import { test } from "node:test";
import { LoadMeter } from "./load.ts";

test("a meter tells how much was open for how long, and how many came", () => {
  const meter = new LoadMeter();
  assert.equal(meter.take("a", 500), undefined);
  meter.enter(1000);
  meter.enter(1200);
  meter.leave(1300);
  assert.deepEqual(meter.take("a", 1500), { backend: "a", busyMs: 200 + 200 + 200, requests: 2 });
  assert.equal(meter.inside, 1);
  assert.deepEqual(meter.take("a", 2500), { backend: "a", busyMs: 1000, requests: 0 });
  meter.leave(2600);
  assert.deepEqual(meter.take("a", 3500), { backend: "a", busyMs: 100, requests: 0 });
  assert.equal(meter.take("a", 4500), undefined);
});
