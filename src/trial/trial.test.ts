import assert from "node:assert/strict";
import { test } from "node:test";
import { type Chance, seededChance } from "../base/chance.ts";
import { durationClassOf } from "../base/durations.ts";
import { type Judgement, Trial, type TrialGate } from "./trial.ts";

const GATE: TrialGate = { errors: { margin: 0.01 }, latency: { percentile: 95, factor: 1.5 } };
const TICK_MS = 250;
const SEED = 20_260_101;

/** How a revision behaves, in a simulation. */
interface Manner {
  readonly failing: number;
  /** Durations have a long tail around this. */
  readonly medianMs: number;
}

interface Run {
  readonly now: Manner;
  readonly old: Manner;
  /** The share of the new one. */
  readonly share: number;
  readonly requests: number;
  /** In one report, of both together. */
  readonly each: number;
}

test("one as good as the old one is called worse in at most one rollout of a hundred", () => {
  const shares = [0.05, 0.25, 0.5];
  const failings = [0, 0.001, 0.02, 0.2];
  const each = 60;
  let [alarms, runs] = [0, 0];
  for (const [at, share] of shares.entries()) {
    for (const [more, failing] of failings.entries()) {
      for (let seed = 0; seed < each; seed += 1) {
        const chance = seededChance(SEED + seed + 1000 * more + 10_000 * at);
        const manner = { failing, medianMs: 20 };
        const run = { now: manner, old: manner, share, requests: 6000, each: 25 };
        runs += 1;
        if (ended(run, chance).verdict.endsWith("Worse")) alarms += 1;
      }
    }
  }
  assert(alarms <= runs * 0.01, `${alarms} false alarms in ${runs} runs from seed ${SEED}`);
});

test("an outage that hits both says nothing against the new one", () => {
  let alarms = 0;
  for (let seed = 0; seed < 200; seed += 1) {
    const chance = seededChance(SEED + seed);
    const trial = new Trial({ gate: { errors: { margin: 0.01 } }, round: 1, nowMs: 0 });
    let judgement: Judgement | undefined;
    for (let tick = 1; tick <= 200; tick += 1) {
      // Every now and then all requests fail, of both.
      const manner = { failing: tick % 40 < 8 ? 0.9 : 0.001, medianMs: 20 };
      told(
        trial,
        { now: manner, old: manner, share: 0.1, requests: 0, each: 25 },
        { chance, tick },
      );
      judgement = trial.judge(tick * TICK_MS);
      if (judgement.verdict === "ErrorRateWorse") break;
    }
    if (judgement?.verdict === "ErrorRateWorse") alarms += 1;
  }
  assert(alarms <= 2, `${alarms} of 200 from seed ${SEED}`);
});

test("errors of 5 % instead of 0.1 % are found in some hundred requests", () => {
  for (const share of [0.05, 0.25, 0.5]) {
    const needed = Array.from({ length: 60 }, (_, seed) => {
      const run = { ...like(0.001), share, requests: 200_000, each: 25 };
      const chance = seededChance(SEED + seed);
      const found = ended({ ...run, now: { failing: 0.05, medianMs: 20 } }, chance);
      assert.equal(found.verdict, "ErrorRateWorse", `seed ${SEED + seed}`);
      return found.figures.requests.new;
    }).toSorted((one, other) => one - other);
    assert((needed[30] ?? 0) <= 250, `median ${needed[30]} at a share of ${share}`);
    assert((needed[57] ?? 0) <= 700, `95 % ${needed[57]} at a share of ${share}`);
  }
});

test("a revision that answers with nothing but errors is found by a handful of them", () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const run = { ...like(0), share: 0.05, requests: 10_000, each: 20 };
    const now = { failing: 1, medianMs: 20 };
    const { verdict, figures } = ended({ ...run, now }, seededChance(SEED + seed));
    assert.equal(verdict, "ErrorRateWorse");
    assert(figures.requests.new <= 6, `after ${figures.requests.new}, seed ${SEED + seed}`);
  }
});

test("one that takes three times as long is found", () => {
  for (let seed = 0; seed < 40; seed += 1) {
    const run = { ...like(0.001), share: 0.1, requests: 40_000, each: 40 };
    const now = { failing: 0.001, medianMs: 60 };
    const slow = ended({ ...run, now }, seededChance(SEED + seed));
    assert.equal(slow.verdict, "LatencyWorse", `seed ${SEED + seed}`);
    assert(slow.figures.requests.new < 600, `after ${slow.figures.requests.new}`);
    const { new: mine = 0, old = 0 } = slow.figures.percentileMs ?? {};
    assert(mine > 1.5 * old, `${mine} ms beside ${old} ms`);
  }
});

test("with little traffic it says so, and with enough that the new one is fine", () => {
  const trial = new Trial({ gate: GATE, round: 1, nowMs: 0 });
  assert.equal(trial.judge(1).verdict, "NotEnoughTraffic");
  const few = ended({ ...like(0.001), share: 0.1, requests: 500, each: 10 }, seededChance(1));
  assert.equal(few.verdict, "NotEnoughTraffic");
  assert(few.needed > few.figures.requests.new, `${few.needed} are needed`);
  const many = ended({ ...like(0.001), share: 0.1, requests: 15_000, each: 10 }, seededChance(1));
  assert.equal(many.verdict, "Fine");
});

test("one that fails by twice the margin more is called fine in at most one run of twenty", () => {
  let fine = 0;
  for (let seed = 0; seed < 100; seed += 1) {
    const chance = seededChance(SEED + seed);
    const gate = { errors: { margin: 0.01 } };
    const trial = new Trial({ gate, round: 1, nowMs: 0 });
    const run = { now: { failing: 0.021, medianMs: 20 }, old: like(0.001).old };
    for (let tick = 1; tick <= 200; tick += 1) {
      told(trial, { ...run, share: 0.1, requests: 0, each: 100 }, { chance, tick });
      const { verdict } = trial.judge(tick * TICK_MS);
      if (verdict === "Fine") fine += 1;
      if (verdict !== "NotEnoughTraffic") break;
    }
  }
  assert(fine <= 5, `${fine} of 100 from seed ${SEED}`);
});

test("one that never answers shows in what has come and is still open", () => {
  const trial = new Trial({ gate: GATE, round: 1, nowMs: 0 });
  const answer = [durationClassOf(20), 45];
  let verdict = "";
  let tick = 0;
  for (; tick < 60 && verdict !== "LatencyWorse"; tick += 1) {
    trial.take("old", { arrived: 45, ended: 45, failed: 0, durations: answer }, tick * TICK_MS);
    trial.take("new", { arrived: 5, ended: 0, failed: 0, durations: [] }, tick * TICK_MS);
    verdict = trial.judge(tick * TICK_MS).verdict;
  }
  assert.equal(verdict, "LatencyWorse");
  assert(tick * TICK_MS < 3000, `found after ${tick * TICK_MS} ms`);
});

test("what goes wrong late is found, however long all went well", () => {
  const chance = seededChance(SEED);
  const trial = new Trial({ gate: GATE, round: 1, nowMs: 0 });
  const well = { ...like(0.01), share: 0.25, requests: 0, each: 25 };
  let tick = 1;
  for (; tick <= 10_000; tick += 1) {
    told(trial, well, { chance, tick });
    assert.notEqual(trial.judge(tick * TICK_MS).verdict, "ErrorRateWorse");
  }
  assert(trial.round > 4, "it has begun anew every ten minutes");
  const from = tick;
  const ill = { ...well, now: { failing: 0.5, medianMs: 20 } };
  let verdict = "";
  for (; verdict !== "ErrorRateWorse" && tick < from + 400; tick += 1) {
    told(trial, ill, { chance, tick });
    ({ verdict } = trial.judge(tick * TICK_MS));
  }
  assert.equal(verdict, "ErrorRateWorse");
  assert(tick - from < 40, `found after ${tick - from} reports`);
});

function like(failing: number) {
  const manner = { failing, medianMs: 20 };
  return { now: manner, old: manner };
}

/** Until the new one is called worse, or all requests are done. */
function ended(run: Run, chance: Chance): Judgement {
  const trial = new Trial({ gate: GATE, round: 1, nowMs: 0 });
  let judgement = trial.judge(0);
  for (let tick = 1; tick * run.each <= run.requests; tick += 1) {
    told(trial, run, { chance, tick });
    judgement = trial.judge(tick * TICK_MS);
    if (judgement.verdict.endsWith("Worse")) break;
  }
  return judgement;
}

/** One report of each side. */
function told(
  trial: Trial,
  { now, old, share, each }: Run,
  { chance, tick }: { readonly chance: Chance; readonly tick: number },
): void {
  const counts = { new: { ended: 0, failed: 0 }, old: { ended: 0, failed: 0 } };
  const durations: Record<"new" | "old", number[]> = { new: [], old: [] };
  for (let at = 0; at < each; at += 1) {
    const which = chance.fraction() < share ? "new" : "old";
    const manner = which === "new" ? now : old;
    counts[which].ended += 1;
    if (chance.fraction() < manner.failing) counts[which].failed += 1;
    const spread = chance.fraction() + chance.fraction() + chance.fraction() - 1.5;
    durations[which].push(durationClassOf(manner.medianMs * Math.exp(1.2 * spread)), 1);
  }
  for (const which of ["new", "old"] as const) {
    const { ended: done, failed } = counts[which];
    const counted = { arrived: done, ended: done, failed, durations: durations[which] };
    trial.take(which, counted, tick * TICK_MS);
  }
}
