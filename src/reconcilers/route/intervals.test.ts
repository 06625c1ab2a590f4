import assert from "node:assert/strict";
import { test } from "node:test";
import { type Chance, seededChance, systemChance } from "../../base/chance.ts";
import { type Interval, POINTS } from "../../gateway/route_table.ts";
import { intervalsFor, lengthsOf } from "./intervals.ts";

const SEED = Math.floor(systemChance.fraction() * 2 ** 31);

test("whatever weights follow, as few keys move as must, and none from who grows", () => {
  const chance = seededChance(SEED);
  for (let round = 0; round < 15; round += 1) {
    let intervals: readonly Interval[] = [];
    let before: ReadonlyMap<string, number> = new Map();
    for (let step = 0; step < 25; step += 1) {
      const weights = randomWeights(chance);
      const next = intervalsFor(weights, intervals);
      const [was, is] = [pointsOf(intervals), pointsOf(next)];
      const positive = [...weights].filter(([, weight]) => weight > 0);
      assert.deepEqual(sorted(lengthsOf(next)), positive.sort(), `seed ${SEED}: the ratio holds`);
      const moved = is.filter((backend, point) => step > 0 && backend !== was[point]).length;
      const must = positive.reduce((sum, [id, weight]) => {
        return sum + Math.max(0, weight - (before.get(id) ?? 0));
      }, 0);
      if (step > 0) assert.equal(moved, must, `seed ${SEED}: as few move as must`);
      for (const [point, backend] of was.entries()) {
        const grows = (weights.get(backend) ?? 0) >= (before.get(backend) ?? 0);
        if (grows) assert.equal(is[point], backend, `seed ${SEED}: point ${point} left who grows`);
      }
      [intervals, before] = [next, weights];
    }
  }
});

test("a canary raised in steps and lowered again takes and gives back the same keys", () => {
  const stages: (readonly string[])[] = [];
  let intervals: readonly Interval[] = [];
  const steps = [0, 10, 50, 250, 500, 250, 50, 10, 0];
  for (const share of steps) {
    const weights = new Map([
      ["old", POINTS - share],
      ["new", share],
    ]);
    intervals = intervalsFor(weights, intervals);
    stages.push(pointsOf(intervals));
  }
  for (const [at, points] of stages.entries()) {
    assert.deepEqual(points, stages[stages.length - 1 - at], `step ${at}`);
  }
});

test("intervals that were lost or are not whole begin anew, in the order of the weights", () => {
  const weights = new Map([
    ["a", 900],
    ["b", 100],
  ]);
  const anew = [
    { backend: "a", from: 0, length: 900 },
    { backend: "b", from: 900, length: 100 },
  ];
  assert.deepEqual(intervalsFor(weights, []), anew);
  assert.deepEqual(intervalsFor(weights, [{ backend: "c", from: 0, length: 999 }]), anew);
});

function pointsOf(intervals: readonly Interval[]): readonly string[] {
  const points: string[] = [];
  for (const { backend, from, length } of intervals) {
    for (let at = from; at < from + length; at += 1) {
      assert.equal(points[at], undefined, `seed ${SEED}: point ${at} is there twice`);
      points[at] = backend;
    }
  }
  return points;
}

function sorted(lengths: ReadonlyMap<string, number>) {
  return [...lengths].sort();
}

function randomWeights({ fraction }: Chance): ReadonlyMap<string, number> {
  const cuts = Array.from({ length: 4 }, () => Math.floor(fraction() * (POINTS + 1)));
  const edges = [0, ...cuts, POINTS].sort((one, other) => one - other);
  const weights = edges.slice(1).map((edge, at) => edge - (edges[at] ?? 0));
  return new Map(weights.map((weight, at) => [`r${at}`, weight]));
}
