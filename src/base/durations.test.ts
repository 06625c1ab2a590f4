import assert from "node:assert/strict";
import { test } from "node:test";
import { DURATION_CLASSES, durationBoundOf, durationClassOf } from "./durations.ts";

test("every duration is below the bound of its class, and not below the one before", () => {
  for (let ms = 0.01; ms < 2_000_000; ms *= 1.013) {
    const at = durationClassOf(ms);
    assert(ms < durationBoundOf(at), `${ms} is in class ${at}`);
    assert(at === 0 || ms >= durationBoundOf(at - 1), `${ms} is in class ${at}`);
    assert(at < 8 || durationBoundOf(at) <= 1.25 * durationBoundOf(at - 1));
  }
});

test("what is longer than all classes is in the last", () => {
  assert.equal(durationClassOf(10_000_000), DURATION_CLASSES - 1);
  assert.equal(durationClassOf(0), 0);
});
