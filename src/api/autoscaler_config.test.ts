import assert from "node:assert/strict";
import { test } from "node:test";
import { GLOBALS, readAutoscalerConfig } from "./autoscaler_config.ts";

test("what Knative's config-autoscaler says is read, and the rest is as usual", () => {
  const data = {
    _example: "anything",
    "stable-window": "90s",
    "max-scale-limit": "10",
    "enable-scale-to-zero": "false",
    "scale-to-zero-grace-period": "30s",
    "frozen-for": "0s",
  };
  assert.deepEqual(readAutoscalerConfig(data), {
    ...GLOBALS,
    stableWindowMs: 90_000,
    maxScaleLimit: 10,
    isToZero: false,
    frozenForMs: 0,
  });
});

for (const { title, data, says } of [
  {
    title: "an unknown key",
    data: { "stable-windw": "60s" },
    says: /^"stable-windw" is no setting: there are pod-autoscaler-class, /,
  },
  {
    title: "a span out of bounds",
    data: { "stable-window": "5s" },
    says: /^stable-window is "5s": want a span from 6s to 1h/,
  },
  {
    title: "what is no number",
    data: { "max-scale-up-rate": "fast" },
    says: /^max-scale-up-rate is "fast": want a number from 1.01 /,
  },
  {
    title: "a truth in other words",
    data: { "enable-scale-to-zero": "yes" },
    says: /^enable-scale-to-zero is "yes": want true or false$/,
  },
  {
    title: "bounds the wrong way round",
    data: { "min-scale": "3", "max-scale": "2" },
    says: /^max-scale is 2, less than min-scale 3$/,
  },
  {
    title: "an initial scale of none that is not allowed",
    data: { "initial-scale": "0" },
    says: /set allow-zero-initial-scale to true/,
  },
]) {
  test(`refused: ${title}`, () => {
    assert.throws(() => readAutoscalerConfig(data), { message: says });
  });
}
