import assert from "node:assert/strict";
import { test } from "node:test";
import { seededChance, systemChance } from "../base/chance.ts";
import { type Backend, makeBackend, makeEndpoint } from "./backend.ts";
import { pickBackend, pickEndpoint } from "./pick.ts";
import type { Rule } from "./table.ts";

const LIMITS = { timeoutMs: 1_000, concurrency: 0 };

test("any 100 requests in a row are split exactly, from any ticket and for any shares", () => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance = seededChance(seed);
  for (let round = 0; round < 200; round += 1) {
    const shares = randomShares(chance.fraction);
    const rule = ruleOf(shares, Math.floor(chance.fraction() * 100));
    const before = Math.floor(chance.fraction() * 300);
    for (let step = 0; step < before; step += 1) pickBackend(rule);
    assert.deepEqual(countsOf(rule, 100), shares, `seed ${seed}`);
  }
});

test("shares are interleaved: no stretch of requests is off by more than 2.4", () => {
  for (let percent = 1; percent < 100; percent += 1) {
    const rule = ruleOf([percent, 100 - percent], 0);
    const [first] = rule.split;
    let off = 0;
    let [lowest, highest] = [0, 0];
    for (let step = 0; step < 200; step += 1) {
      off += (pickBackend(rule) === first?.backend ? 1 : 0) - percent / 100;
      [lowest, highest] = [Math.min(lowest, off), Math.max(highest, off)];
    }
    assert(highest - lowest < 2.41, `${percent} percent: ${highest - lowest}`);
  }
});

test("the instance with the fewest open requests is chosen, and equals take turns", () => {
  const backend = withOpen([2, 1, 1, 3, 1]);
  const chosen = Array.from({ length: 7 }, () => pickEndpoint(backend)?.name);
  assert.deepEqual(chosen, ["i1", "i2", "i4", "i1", "i2", "i4", "i1"]);
});

test("no instance is chosen beyond what it may serve, and none when none may", () => {
  const backend = withOpen([0, 0]);
  for (const endpoint of backend.endpoints) endpoint.openMax = 2;
  const names: (string | undefined)[] = [];
  for (let step = 0; step < 5; step += 1) {
    const endpoint = pickEndpoint(backend);
    if (endpoint !== undefined) endpoint.open += 1;
    names.push(endpoint?.name);
  }
  assert.deepEqual(names, ["i0", "i1", "i0", "i1", undefined]);
  assert.equal(pickEndpoint(withOpen([])), undefined);
});

function randomShares(fraction: () => number): readonly number[] {
  const cuts = Array.from({ length: 3 }, () => 1 + Math.floor(fraction() * 98));
  const edges = [...new Set([0, ...cuts, 100])].sort((one, other) => one - other);
  return edges.slice(1).map((edge, at) => edge - (edges[at] ?? 0));
}

function ruleOf(shares: readonly number[], ticket: number): Rule {
  let sum = 0;
  const split = shares.map((share, at) => {
    sum += share;
    return { last: sum - 1, backend: makeBackend(`default/r${at}`, LIMITS) };
  });
  return { route: "default/r", split, ticket };
}

function countsOf(rule: Rule, requests: number): readonly number[] {
  const counts = new Map(rule.split.map(({ backend }) => [backend, 0]));
  for (let step = 0; step < requests; step += 1) {
    const backend = pickBackend(rule);
    counts.set(backend, (counts.get(backend) ?? 0) + 1);
  }
  return [...counts.values()];
}

function withOpen(open: readonly number[]): Backend {
  const backend = makeBackend("default/r", LIMITS);
  backend.endpoints = open.map((count, at) => {
    const endpoint = makeEndpoint({ name: `i${at}`, host: "127.0.0.1", port: 1 }, backend);
    endpoint.open = count;
    return endpoint;
  });
  return backend;
}
