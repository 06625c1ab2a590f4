import assert from "node:assert/strict";
import { test } from "node:test";
import { GLOBALS } from "../api/autoscaler_config.ts";
import { decideKpa, type KpaInput, startKpa } from "./kpa.ts";
import { type ScalingSettings, settingsOf } from "./settings.ts";

interface Case {
  readonly title: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly input: Partial<KpaInput>;
  readonly scale: number;
}

/** Target 100 at 70 percent; one tick from rest. */
const CASES: readonly Case[] = [
  {
    title: "as many as the average needs",
    input: { stable: 700, panic: 700, ready: 8 },
    scale: 10,
  },
  { title: "rounded up", input: { stable: 701, panic: 701, ready: 8 }, scale: 11 },
  { title: "no faster down than half", input: { stable: 70, panic: 70, ready: 10 }, scale: 5 },
  {
    title: "at once down when no Route leads there",
    input: { stable: 70, panic: 70, ready: 10, isReachable: false },
    scale: 1,
  },
  { title: "none for nothing", input: { ready: 1 }, scale: 0 },
  {
    title: "no faster up than a thousand times",
    annotations: { target: "0.01" },
    input: { stable: 70, panic: 70, ready: 1 },
    scale: 1000,
  },
  {
    title: "at least the activation scale, when any",
    annotations: { "activation-scale": "4" },
    input: { stable: 1, panic: 1 },
    scale: 4,
  },
  {
    title: "none for nothing, whatever the activation scale",
    annotations: { "activation-scale": "4" },
    input: { ready: 1 },
    scale: 0,
  },
  {
    title: "in panic what the short window needs",
    input: { stable: 70, panic: 1400, ready: 2 },
    scale: 20,
  },
  {
    title: "below the threshold what the long window needs",
    input: { stable: 140, panic: 210, ready: 2 },
    scale: 2,
  },
];

for (const { title, annotations = {}, input, scale } of CASES) {
  test(`§12.1: ${title}`, () => {
    const all = { ...CALM, settings: settingsFor(annotations), ...input };
    assert.equal(decideKpa(startKpa(0, 1), all).scale, scale);
  });
}

test("§12.1: a panic never scales down, and ends one window after the need did", () => {
  const settings = settingsFor({});
  let state = startKpa(0, 1);
  const tick = (nowMs: number, panic: number, ready: number) => {
    const outcome = decideKpa(state, { ...CALM, settings, nowMs, stable: 70, panic, ready });
    state = outcome.state;
    return [outcome.scale, outcome.isPanicking];
  };
  assert.deepEqual(tick(0, 1400, 1), [20, true]);
  assert.deepEqual(tick(2000, 700, 20), [20, true]);
  assert.deepEqual(tick(60_000, 70, 20), [20, true]);
  assert.deepEqual(tick(62_000, 70, 20), [10, false]);
});

test("§12.1: several instances that nobody remembers starting are held as in a panic", () => {
  const input = { ...CALM, settings: settingsFor({}), ready: 6 };
  assert.deepEqual(decideKpa(startKpa(0, 6), input).scale, 6);
  assert.deepEqual(decideKpa(startKpa(0, 6), { ...input, nowMs: 61_000 }).scale, 3);
});

test("§12.1: with a delay on the way down the most of it counts", () => {
  const settings = settingsFor({ "scale-down-delay": "10s" });
  let state = startKpa(0, 1);
  const scales = [560, 70, 140, 70, 70, 70, 70].map((load, at) => {
    const input = { ...CALM, settings, nowMs: at * 3000, stable: load, panic: load, ready: 8 };
    const outcome = decideKpa(state, input);
    state = outcome.state;
    return outcome.scale;
  });
  assert.deepEqual(scales, [8, 8, 8, 8, 4, 4, 4]);
});

test("§12.1: the burst that is left is what instances take less what is asked and what is", () => {
  const of = (burst: string, ready: number) => {
    const settings = settingsFor({ "target-burst-capacity": burst });
    return decideKpa(startKpa(0, 1), { ...CALM, settings, ready, panic: 50.5 }).excessBurst;
  };
  assert.deepEqual([of("200", 3), of("200", 1), of("0", 1), of("-1", 9)], [49, -151, 0, -1]);
});

test("§12.4: a hard limit counts where it is below the target", () => {
  const of = (annotations: Readonly<Record<string, string>>, concurrency: number) => {
    const { total, target } = settingsFor(annotations, concurrency);
    return [total, target];
  };
  assert.deepEqual(of({}, 0), [100, 70]);
  assert.deepEqual(of({}, 10), [10, 7]);
  assert.deepEqual(of({ target: "4" }, 10), [4, 2.8]);
  assert.deepEqual(of({ target: "40" }, 10), [10, 7]);
  assert.deepEqual(of({ metric: "rps" }, 10), [200, 140]);
  assert.deepEqual(of({ "target-utilization-percentage": "100" }, 1), [1, 1]);
});

test("what is said on the Service counts for more than what the template says", () => {
  const annotations = { "autoscaling.knative.dev/minScale": "1", "varve.dev/frozen-for": "5s" };
  const owners = { "varve.dev/min-scale": "3", "varve.dev/max-scale": "7" };
  const all = settingsOf({ annotations, owners, concurrency: 0 }, GLOBALS);
  assert.deepEqual([all.minScale, all.maxScale, all.frozenForMs], [3, 7, 5000]);
});

const CALM = { nowMs: 0, ready: 1, isReachable: true, stable: 0, panic: 0 };

function settingsFor(said: Readonly<Record<string, string>>, concurrency = 0): ScalingSettings {
  const entries = Object.entries(said).map(([name, value]) => [
    `autoscaling.knative.dev/${name}`,
    value,
  ]);
  const annotations = Object.fromEntries(entries);
  return settingsOf({ annotations, owners: undefined, concurrency }, GLOBALS);
}
