import assert from "node:assert/strict";
import { test } from "node:test";
import { checkRolloutStrategy, rolloutStrategyOf } from "./rollout_strategy.ts";

const STEPS = "varve.dev/rollout-steps";
const GATE = "varve.dev/rollout-gate";

test("steps have a share and a pause, and everything is compared unless it is said what", () => {
  assert.deepEqual(rolloutStrategyOf({ [STEPS]: "5%:1m, 25%,50%:manual" }), {
    steps: [
      { percent: 5, pause: 60_000 },
      { percent: 25, pause: 0 },
      { percent: 50, pause: "manual" },
    ],
    gate: {
      errors: { margin: 0.01 },
      latency: { percentile: 95, factor: 1.5 },
      readiness: { graceMs: 10_000 },
    },
  });
  assert.deepEqual(rolloutStrategyOf({ [STEPS]: "9%", [GATE]: "errors=0.5%, latency=p99*2" }), {
    steps: [{ percent: 9, pause: 0 }],
    gate: { errors: { margin: 0.005 }, latency: { percentile: 99, factor: 2 } },
  });
  assert.deepEqual(rolloutStrategyOf({}), { steps: [], gate: {} });
  assert.deepEqual(rolloutStrategyOf({ [GATE]: "readiness=1m" }).gate, {
    readiness: { graceMs: 60_000 },
  });
});

test("what cannot be is refused with the value, the rule and a way out", () => {
  const cases = [
    { [STEPS]: "5", says: /want steps .*"5%:1m,25%:10m,50%:manual", not "5"/ },
    { [STEPS]: "5%,5%", says: /more than the one before, and from 1% to 99%: not 5%/ },
    { [STEPS]: "50%,100%", says: /not 100%/ },
    { [STEPS]: "5%:soon", says: /a duration or is "manual", not "soon"/ },
    { [STEPS]: "5%:-1m", says: /not "-1m"/ },
    { [STEPS]: "5%", [GATE]: "none", says: /the step 5% has neither a pause nor a gate/ },
    { [GATE]: "errors=0%", says: /want "none", or some of "errors=1%"/ },
    { [GATE]: "errors,errors", says: /want "none"/ },
    { [GATE]: "latency=p95", says: /want "none"/ },
    { [GATE]: "luck", says: /want "none"/ },
  ];
  for (const { says, ...annotations } of cases) {
    const [violation, ...more] = checkRolloutStrategy(annotations as Record<string, string>);
    assert.match(`${violation?.message} ${violation?.details}`, says);
    assert.equal(more.length, 0);
  }
  assert.deepEqual(checkRolloutStrategy({ [STEPS]: "5%:1m", [GATE]: "none" }), []);
});
