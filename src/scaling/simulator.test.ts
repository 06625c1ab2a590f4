import assert from "node:assert/strict";
import { test } from "node:test";
import { GLOBALS } from "../api/autoscaler_config.ts";
import { type ScalingSettings, settingsOf } from "./settings.ts";
import { type Moment, simulate } from "./simulator.ts";

const ROUNDS = 40;

test("under any load there are never fewer than the least nor more than the most", () => {
  for (const seed of seeds()) {
    const chance = chanceOf(seed);
    const min = Math.floor(chance() * 4);
    const max = min + 1 + Math.floor(chance() * 20);
    const settings = settingsFor({ ...anySettings(chance), "min-scale": min, "max-scale": max });
    const loadAt = anyLoad(chance);
    for (const { replicas, second } of simulate({ settings, loadAt, seconds: 600 })) {
      const isFine = replicas >= min && replicas <= max;
      assert(isFine, `seed ${seed}, second ${second}: ${replicas} is not in ${min}..${max}`);
    }
  }
});

/** Of an instance: three times what chance does to the average of a window, at most. */
const EDGE = 0.1;

test("under a steady load, whatever its size, the number of instances comes to rest", () => {
  for (const seed of seeds()) {
    const chance = chanceOf(seed);
    const settings = settingsFor({});
    const level = chance() * 3000;
    // What arrives at random goes up and down by about the root of how many there are.
    const loadAt = () => Math.max(0, level + (chance() - 0.5) * Math.sqrt(level));
    const late = simulate({ settings, loadAt, seconds: 900 }).filter(({ second }) => second > 300);
    const changes = late.filter(
      ({ replicas }, at) => at > 0 && late[at - 1]?.replicas !== replicas,
    );
    const sizes = late.map(({ replicas }) => replicas);
    const span = Math.max(...sizes) - Math.min(...sizes);
    // At the very edge of one instance more, the window's average crosses it by chance alone.
    const instances = level / settings.target;
    const isAtEdge = Math.abs(instances - Math.round(instances)) < EDGE;
    const isAtRest = span <= 1 && changes.length <= (isAtEdge ? 30 : 4);
    assert(isAtRest, `seed ${seed}, load ${level}: ${changes.length} changes, by ${span}`);
  }
});

test("a jump in load is met within five ticks and the time that instances take to start", () => {
  for (const seed of seeds()) {
    const chance = chanceOf(seed);
    const settings = settingsFor({});
    const level = 100 + chance() * 5000;
    const startSeconds = Math.floor(chance() * 6);
    const loadAt = (second: number) => (second > 120 ? level : 10);
    const all = simulate({ settings, loadAt, seconds: 300, startSeconds });
    const enough = Math.ceil(level / settings.total);
    const met = all.find(({ second, ready }) => second > 120 && ready >= enough);
    const within = 120 + 5 * 2 + startSeconds;
    assert(met !== undefined && met.second <= within, `seed ${seed}: ${met?.second} > ${within}`);
  }
});

test("when the load ends it rests: awake for the window, then frozen, then stopped", () => {
  const settings = settingsFor({ "scale-to-zero-pod-retention-period": "30s" });
  const loadAt = (second: number) => (second <= 10 ? 350 : 0);
  const all = simulate({ settings: { ...settings, frozenForMs: 120_000 }, loadAt, seconds: 400 });
  const first = (floor: string) => all.find((it) => it.floor === floor)?.second ?? 0;
  assert.deepEqual([first("awake"), first("frozen"), first("stopped")], [2, 102, 222]);
  assert.deepEqual(
    [at(all, 100)?.replicas, at(all, 102)?.replicas, at(all, 222)?.replicas],
    [1, 1, 0],
    "the last one is kept until it is frozen",
  );
});

test("a recorded day, ten minutes of it to the second, is served with few changes", () => {
  // Requests at once of a shop's checkout: calm, lunch, one advertisement, calm.
  const recorded = [
    40, 42, 47, 60, 88, 130, 171, 180, 176, 150, 900, 640, 300, 170, 90, 60, 45, 40,
  ];
  const loadAt = (second: number) => {
    const [from, step] = [Math.floor(second / 60), (second % 60) / 60];
    const [one = 0, next = one] = recorded.slice(from, from + 2);
    return one + (next - one) * step;
  };
  const all = simulate({ settings: settingsFor({}), loadAt, seconds: recorded.length * 60 });
  const short = all.filter(({ load, ready }) => ready > 0 && load > ready * 100);
  const changes = all.filter(({ replicas }, at) => all[at - 1]?.replicas !== replicas).length;
  assert(short.length <= 6, `${short.length} ticks of ${all.length} with too few`);
  assert(changes < 40, `${changes} changes`);
});

function at(all: readonly Moment[], second: number): Moment | undefined {
  return all.find((it) => it.second === second);
}

function seeds(): readonly number[] {
  const first = Math.floor(Math.random() * 1e9);
  return Array.from({ length: ROUNDS }, (_, round) => first + round);
}

/** Numbers in [0, 1) that follow from the seed. */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function settingsFor(said: Readonly<Record<string, string | number>>): ScalingSettings {
  const entries = Object.entries(said).map(([name, value]) => [
    `autoscaling.knative.dev/${name}`,
    String(value),
  ]);
  const annotations = Object.fromEntries(entries);
  return settingsOf({ annotations, owners: undefined, concurrency: 0 }, GLOBALS);
}

function anySettings(chance: () => number): Readonly<Record<string, string | number>> {
  const one = <T>(...all: readonly T[]) => all[Math.floor(chance() * all.length)] as T;
  return {
    metric: one("concurrency", "rps"),
    target: one(1, 10, 100),
    window: one("6s", "60s", "300s"),
    "panic-threshold-percentage": one(110, 200, 1000),
    "scale-down-delay": one("0s", "60s"),
    "metric-aggregation-algorithm": one("linear", "weighted-exponential"),
  };
}

/** Stretches of any length and height, some of them silent. */
function anyLoad(chance: () => number): (second: number) => number {
  const levels = Array.from({ length: 60 }, () => (chance() < 0.3 ? 0 : chance() ** 3 * 4000));
  const stretch = 5 + Math.floor(chance() * 60);
  return (second) => levels[Math.floor(second / stretch) % levels.length] ?? 0;
}
