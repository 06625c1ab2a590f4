import assert from "node:assert/strict";
import { test } from "node:test";
import { seededChance, systemChance } from "../base/chance.ts";
import { makeBackend } from "./backend.ts";
import { type Draw, turnIn } from "./draw.ts";
import { orderOf } from "./order.ts";
import { pickBackend } from "./pick.ts";

const SEED = Math.floor(systemChance.fraction() * 2 ** 31);

test("no share is ever a whole request off, and over a period none is off at all", () => {
  const chance = seededChance(SEED);
  for (let round = 0; round < 40; round += 1) {
    const weights = randomWeights(chance.fraction);
    const order = orderOf(weights);
    const bound = 1 - 1 / Math.max(2 * weights.length - 2, 1);
    const taken = weights.map(() => 0);
    for (const [at, index] of order.entries()) {
      taken[index] = (taken[index] ?? 0) + 1;
      for (const [share, weight] of weights.entries()) {
        const off = Math.abs((taken[share] ?? 0) - (weight / 1000) * (at + 1));
        assert(off <= bound + 1e-9, `seed ${SEED}: ${weights}: share ${share} is off by ${off}`);
      }
    }
    const whole = weights.map((weight) => (weight * order.length) / 1000);
    assert.deepEqual(taken, whole, `seed ${SEED}`);
  }
});

test("over any stretch of requests, two shares are at most one off", () => {
  for (let weight = 1; weight < 1000; weight += 7) {
    const order = orderOf([weight, 1000 - weight]);
    let [off, lowest, highest] = [0, 0, 0];
    for (let step = 0; step < 2 * order.length; step += 1) {
      off += (order[step % order.length] === 0 ? 1 : 0) - weight / 1000;
      [lowest, highest] = [Math.min(lowest, off), Math.max(highest, off)];
    }
    assert(highest - lowest <= 1 + 1e-9, `${weight} per mille: ${highest - lowest}`);
  }
});

test("an order is as short as its weights allow", () => {
  assert.deepEqual(
    [[1000], [500, 500], [900, 100], [0, 1000, 0]].map((weights) => [...orderOf(weights)]),
    [[0], [0, 1], [0, 0, 0, 0, 0, 1, 0, 0, 0, 0], [1]],
  );
  assert.equal(orderOf([999, 1]).length, 1000);
});

test("requests go round by the order, and after a change from as far along as they were", () => {
  const backends = ["a", "b"].map((id) => makeBackend(id, { timeoutMs: 1, concurrency: 0 }));
  const draw: Draw = { backends, order: orderOf([500, 500]), turn: 0 };
  const ids = Array.from({ length: 5 }, () => pickBackend(draw).id);
  assert.deepEqual(ids, ["a", "b", "a", "b", "a"]);
  assert.equal(turnIn(orderOf([900, 100]), draw), 5);
  assert.equal(turnIn(draw.order, draw), 1);
});

function randomWeights(fraction: () => number): readonly number[] {
  const cuts = Array.from({ length: 1 + Math.floor(fraction() * 5) }, () => {
    return 1 + Math.floor(fraction() * 998);
  });
  const edges = [...new Set([0, ...cuts, 1000])].sort((one, other) => one - other);
  return edges.slice(1).map((edge, at) => edge - (edges[at] ?? 0));
}
