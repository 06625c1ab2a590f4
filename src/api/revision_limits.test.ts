import assert from "node:assert/strict";
import { test } from "node:test";
import { readRevisionLimits } from "./revision_limits.ts";

test("what an operator allows is read by Knative's keys, and the rest is as usual", () => {
  const data = { _example: "anything", "max-revision-timeout-seconds": "3600" };
  assert.deepEqual(readRevisionLimits(data), { timeoutSecondsMax: 3600, concurrencyMax: 1000 });
  assert.deepEqual(readRevisionLimits({ "container-concurrency-max-limit": "1" }), {
    timeoutSecondsMax: 600,
    concurrencyMax: 1,
  });
});

for (const [key, value, want] of [
  ["max-revision-timeout-seconds", "299", "a whole number from 300 to 86400"],
  ["max-revision-timeout-seconds", "1h", "a whole number from 300 to 86400"],
  ["max-revision-timeout-seconds", "86401", "a whole number from 300 to 86400"],
  ["container-concurrency-max-limit", "0", "a whole number from 1 to 1000000"],
  ["container-concurrency-max-limit", "", "a whole number from 1 to 1000000"],
] as const) {
  test(`refused: ${key} is "${value}"`, () => {
    const message = `${key} is "${value}": want ${want}`;
    assert.throws(() => readRevisionLimits({ [key]: value }), { message });
  });
}

test("refused: a key that means nothing", () => {
  const message =
    '"max-timeout" is no setting: there are max-revision-timeout-seconds, ' +
    "container-concurrency-max-limit";
  assert.throws(() => readRevisionLimits({ "max-timeout": "900" }), { message });
});
