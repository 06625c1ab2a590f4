import assert from "node:assert/strict";
import { test } from "node:test";
import { autoscalingValue, checkAutoscaling } from "./autoscaling.ts";
import { SERVICE } from "./service.ts";
import { admit, refusal, said, service } from "./test_admission.ts";

const A = "spec.template.metadata.annotations";

type Strings = Readonly<Record<string, string>>;

/** With the prefix that all of them have. */
function keyed(settings: Strings): Strings {
  const entries = Object.entries(settings).map(([name, value]) => [
    `autoscaling.knative.dev/${name}`,
    value,
  ]);
  return Object.fromEntries(entries);
}

function field(name: string): string {
  return `${A}[autoscaling.knative.dev/${name}]`;
}

interface Case {
  readonly settings: Strings;
  readonly says: readonly string[];
}

const WHOLE = "want a whole number";
const NUMBER = "want a number";
const DURATION = 'want a duration, such as "90s"';
const INT = 2_147_483_647;

function bad(name: string, value: string, details: string): Case {
  return {
    settings: { [name]: value },
    says: [`invalid value: ${value}: ${field(name)}`, details],
  };
}

function says(name: string, value: string, message: string, details: string[] = []): Case {
  return { settings: { [name]: value }, says: [`${message}: ${field(name)}`, ...details] };
}

const COUNTS = ["min-scale", "minScale", "max-scale", "maxScale", "initial-scale", "initialScale"];

const REFUSED: readonly Case[] = [
  ...[...COUNTS, "activation-scale"].flatMap((name) => [
    bad(name, "many", WHOLE),
    bad(name, "1.5", WHOLE),
    bad(name, "", WHOLE),
    says(name, "-1", `expected 0 <= -1 <= ${INT}`),
    says(name, "2147483648", `expected 0 <= 2147483648 <= ${INT}`),
  ]),
  {
    settings: { "min-scale": "3", "max-scale": "2" },
    says: [`max-scale=2 is less than min-scale=3: ${field("max-scale")}, ${field("min-scale")}`],
  },
  {
    settings: { minScale: "3", "max-scale": "2" },
    says: [`max-scale=2 is less than min-scale=3: ${field("max-scale")}, ${field("minScale")}`],
  },
  {
    settings: { "min-scale": "3", "activation-scale": "2" },
    says: [`min-scale=3 is greater than min-activate-scale=2: ${field("activation-scale")}`],
  },
  {
    settings: { "max-scale": "3", "activation-scale": "4" },
    says: [`max-scale=3 is less than min-activate-scale=4: ${field("activation-scale")}`],
  },
  ...["0", "1"].map((n) =>
    says("activation-scale", n, `min-activate-scale=${n} must be greater than 1`),
  ),
  says("initial-scale", "0", "autoscaling.knative.dev/initial-scale=0 not allowed by cluster"),
  bad("target", "many", NUMBER),
  bad("target", "0x10", NUMBER),
  bad("target", " 1", NUMBER),
  says("target", "0.009", "target 0.009 should be at least 0.01"),
  says("target", "-1", "target -1 should be at least 0.01"),
  ...["target-utilization-percentage", "panic-window-percentage", "panicWindowPercentage"].flatMap(
    (name) => [
      bad(name, "all", NUMBER),
      says(name, "0.9", "expected 1 <= 0.9 <= 100"),
      says(name, "100.1", "expected 1 <= 100.1 <= 100"),
    ],
  ),
  ...["panic-threshold-percentage", "panicThresholdPercentage"].flatMap((name) => [
    says(name, "109", "expected 110 <= 109 <= 1000"),
    says(name, "1001", "expected 110 <= 1001 <= 1000"),
  ]),
  ...["-2", "-0.5", "all"].map((value) =>
    bad("target-burst-capacity", value, "want -1 for always, 0 for never, or a number above"),
  ),
  bad("window", "60", DURATION),
  says("window", "5s", "expected 6s <= 5s <= 1h"),
  says("window", "61m", "expected 6s <= 61m <= 1h"),
  says("window", "6500ms", "must be specified with at most second precision", ["it is 6500ms"]),
  ...["scale-down-delay", "scaleDownDelay"].flatMap((name) => [
    bad(name, "soon", DURATION),
    says(name, "-1s", "expected 0s <= -1s <= 1h"),
    says(name, "3601s", "expected 0s <= 3601s <= 1h"),
    says(name, "1.5s", "must be specified with at most second precision", ["it is 1.5s"]),
  ]),
  bad("scale-to-zero-pod-retention-period", "x", DURATION),
  says("scale-to-zero-pod-retention-period", "2h", "expected 0s <= 2h <= 1h"),
  bad(
    "class",
    "vpa.autoscaling.knative.dev",
    "want kpa.autoscaling.knative.dev, hpa.autoscaling.knative.dev, or a class of another domain",
  ),
  ...["cpu", "memory", "latency", ""].map((value) =>
    bad("metric", value, "want one of concurrency, rps"),
  ),
  {
    settings: { class: "hpa.autoscaling.knative.dev", metric: "" },
    says: [`invalid value: : ${field("metric")}`, "want a metric"],
  },
  bad("metric-aggregation-algorithm", "median", "want one of linear, weighted-exponential"),
  bad("metricAggregationAlgorithm", "median", "want one of linear, weighted-exponential"),
];

for (const { settings, says } of REFUSED) {
  test(`the autoscaler's ${JSON.stringify(settings)} is refused`, () => {
    assert.deepEqual(said(refusal(SERVICE, service({ annotations: keyed(settings) }))), says);
  });
}

const FINE: readonly Strings[] = [
  {},
  { "min-scale": "0", "max-scale": "0" },
  { "min-scale": "3", "max-scale": "0", "activation-scale": "5" },
  { "min-scale": "2", "max-scale": "5", "activation-scale": "3" },
  { "min-scale": "2", "max-scale": "2", "activation-scale": "2" },
  { minScale: "1", maxScale: "2147483647", initialScale: "3" },
  { target: "0.01", "target-utilization-percentage": "1" },
  { target: "1e3", "target-utilization-percentage": "100" },
  { metric: "rps", target: "200", window: "6s" },
  { metric: "concurrency", window: "1h" },
  { "panic-window-percentage": "10.0", "panic-threshold-percentage": "200.0" },
  { "panic-window-percentage": "100", "panic-threshold-percentage": "1000" },
  { "target-burst-capacity": "-1" },
  { "target-burst-capacity": "0" },
  { "target-burst-capacity": "211.5" },
  { "scale-down-delay": "0s" },
  { "scale-down-delay": "1h" },
  { "scale-to-zero-pod-retention-period": "1m5.5s" },
  { class: "kpa.autoscaling.knative.dev", "metric-aggregation-algorithm": "weighted-exponential" },
  { class: "hpa.autoscaling.knative.dev", metric: "cpu" },
  { class: "hpa.autoscaling.knative.dev", metric: "my-own" },
  { class: "autoscaling.example.com", metric: "moon", "metric-aggregation-algorithm": "tide" },
  { "some-other": "thing" },
];

for (const settings of FINE) {
  test(`the autoscaler's ${JSON.stringify(settings)} is fine`, () => {
    admit(SERVICE, service({ annotations: keyed(settings) }));
  });
}

test("an operator may limit the scale, and let it begin at zero", () => {
  const limits = { maxScaleLimit: 10, isZeroInitialScaleFine: true };
  const told = (settings: Strings) =>
    checkAutoscaling(keyed(settings), "a", limits).map(({ field, message }) => [field, message]);
  const field = "a[autoscaling.knative.dev/max-scale]";
  assert.deepEqual(told({ "max-scale": "0" }), [
    [field, "max-scale=0 (unlimited), must be less than 10"],
  ]);
  assert.deepEqual(told({ "max-scale": "11" }), [[field, "expected 1 <= 11 <= 10"]]);
  assert.deepEqual(told({ "max-scale": "10", "initial-scale": "0" }), []);
  assert.deepEqual(told({}), []);
});

test("a setting is found as it is spelled today, or else as it was", () => {
  assert.equal(autoscalingValue(keyed({ minScale: "1", "min-scale": "2" }), "min-scale"), "2");
  assert.equal(autoscalingValue(keyed({ minScale: "1" }), "min-scale"), "1");
  assert.equal(autoscalingValue(keyed({ scaleDownDelay: "5s" }), "scale-down-delay"), "5s");
  assert.equal(autoscalingValue(keyed({ activationScale: "5" }), "activation-scale"), undefined);
  assert.equal(autoscalingValue(undefined, "window"), undefined);
});
