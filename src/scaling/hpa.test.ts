import assert from "node:assert/strict";
import { test } from "node:test";
import { GLOBALS } from "../api/autoscaler_config.ts";
import { decideHpa, HPA_START } from "./hpa.ts";
import { settingsOf } from "./settings.ts";

const ANNOTATIONS = { "autoscaling.knative.dev/class": "hpa.autoscaling.knative.dev" };
const settings = settingsOf(
  { annotations: ANNOTATIONS, owners: undefined, concurrency: 0 },
  GLOBALS,
);

test("by what is used beside what should be: as many as bring that to one", () => {
  const of = (ready: number, ...ratios: readonly number[]) =>
    decideHpa(HPA_START, { nowMs: 0, settings, ready, ratios }).scale;
  assert.deepEqual(
    {
      busy: of(2, 1.5, 1.5),
      idle: of(4, 0.1, 0.1, 0.1, 0.1),
      close: of(2, 1.05, 1.05),
      unknown: of(3),
      "one says nothing": of(2, 0.5),
      "no more than four at first": of(1, 50),
    },
    {
      busy: 3,
      idle: 4,
      close: 2,
      unknown: 3,
      "one says nothing": 2,
      "no more than four at first": 5,
    },
  );
});

test("it goes down only when that was right for five minutes", () => {
  let state = HPA_START;
  let ready = 4;
  for (let nowMs = 0; nowMs < 330_000; nowMs += 15_000) {
    const ratios = Array.from({ length: ready }, () => (nowMs === 0 ? 1 : 0.1));
    const outcome = decideHpa(state, { nowMs, settings, ready, ratios });
    state = outcome.state;
    if (nowMs < 300_000) assert.equal(outcome.scale, 4);
    ready = outcome.scale;
  }
  assert.equal(ready, 1);
});

test("by its class it never rests, and goes by the processor", () => {
  assert.deepEqual(
    [settings.class, settings.metric, settings.minScale, settings.isToZero],
    ["hpa", "cpu", 1, false],
  );
});
