import { Durations } from "./durations.ts";
import { enoughOf } from "./enough.ts";
import { type Evidence, NO_EVIDENCE, type Pair, strengthOf, withPair } from "./evidence.ts";
import { Hung } from "./hung.ts";

/** What a new revision is held to, beside the old one. */
export interface TrialGate {
  /** By what share more of its requests may fail. */
  readonly errors?: { readonly margin: number };
  /** By what factor that percentile of its durations may be longer. */
  readonly latency?: { readonly percentile: number; readonly factor: number };
}

/** What became of requests in a while. */
export interface Counted {
  readonly arrived: number;
  readonly ended: number;
  readonly failed: number;
  /** A class of `base/durations.ts`, how many, and so on. */
  readonly durations: readonly number[];
}

export type Verdict = "Fine" | "NotEnoughTraffic" | "ErrorRateWorse" | "LatencyWorse";

/** What the verdict goes by: both over the same time. */
export interface Figures {
  readonly sinceMs: number;
  readonly requests: Both;
  readonly failed: Both;
  /** The percentile of the gate, where it has one and both have requests that were timed. */
  readonly percentileMs?: Both;
  /** Requests that are open for longer than the percentile allows. */
  readonly hung: Both;
}

export interface Both {
  readonly new: number;
  readonly old: number;
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly figures: Figures;
  /** So many requests of each are about enough. */
  readonly needed: number;
}

export interface Beginning {
  readonly gate: TrialGate;
  /** How many comparisons there were before: each is allowed to be wrong less often. */
  readonly round: number;
  readonly nowMs: number;
}

/** How often a revision as good as the old one is called worse, of each figure, in a rollout. */
const FALSE_ALARMS = 0.005;

/** After this one begins anew, so that what goes wrong late is not outweighed by what went well. */
const ROUND_MS = 600_000;

/** A revision is not called worse for less than this part of the margin. */
const NEGLIGIBLE = 0.1;

/** Differences below this are the machine's own. */
const NOISE_MS = 5;

/** So many of the old one's slowest requests have to be known before one can say what is slow. */
const SLOWEST_MIN = 5;

interface Side {
  readonly durations: Durations;
  /** What was told since the last comparison. */
  readonly fresh: Durations;
  readonly hung: Hung;
  requests: number;
  failed: number;
  timed: number;
  slow: number;
  freshRequests: number;
  freshFailed: number;
}

/**
 * Compares a new revision with the old one while both serve, and says at any moment whether it is
 * worse, no worse, or whether that cannot be said yet. It reads no clock.
 */
export class Trial {
  readonly #gate: TrialGate;
  readonly #new = makeSide();
  readonly #old = makeSide();
  /** All durations of the old one: what is slow goes by them. */
  readonly #reference = new Durations();
  #round: number;
  #sinceMs: number;
  #errors: Evidence = NO_EVIDENCE;
  #latency: Evidence = NO_EVIDENCE;

  constructor({ gate, round, nowMs }: Beginning) {
    this.#gate = gate;
    this.#round = round;
    this.#sinceMs = nowMs;
  }

  get round(): number {
    return this.#round;
  }

  /** Compares from here on: both get other shares now. */
  begin(nowMs: number): void {
    this.#round += 1;
    this.#sinceMs = nowMs;
    this.#errors = NO_EVIDENCE;
    this.#latency = NO_EVIDENCE;
    for (const side of [this.#new, this.#old]) {
      side.durations.clear();
      side.fresh.clear();
      side.hung.clear();
      Object.assign(side, { requests: 0, failed: 0, timed: 0, slow: 0 });
      Object.assign(side, { freshRequests: 0, freshFailed: 0 });
    }
  }

  take(which: "new" | "old", counted: Counted, nowMs: number): void {
    const side = which === "new" ? this.#new : this.#old;
    side.requests += counted.ended;
    side.failed += counted.failed;
    side.freshRequests += counted.ended;
    side.freshFailed += counted.failed;
    side.fresh.add(counted.durations);
    side.hung.add(counted, nowMs);
  }

  judge(nowMs: number): Judgement {
    const { errors, latency } = this.#gate;
    if (errors !== undefined) this.#weighErrors();
    if (latency !== undefined) this.#weighLatency(latency, nowMs);
    const judgement = this.#judgement();
    if (nowMs - this.#sinceMs >= ROUND_MS) this.begin(nowMs);
    return judgement;
  }

  #weighErrors(): void {
    const [now, old] = [this.#new, this.#old];
    if (now.freshRequests === 0 || old.freshRequests === 0) return;
    this.#errors = withPair(this.#errors, {
      ...{ requests: now.freshRequests, bad: now.freshFailed },
      ...{ oldRequests: old.freshRequests, oldBad: old.freshFailed },
    });
    for (const side of [now, old]) Object.assign(side, { freshRequests: 0, freshFailed: 0 });
  }

  #weighLatency({ percentile, factor }: NonNullable<TrialGate["latency"]>, nowMs: number): void {
    const [now, old] = [this.#new, this.#old];
    const isKnown = this.#reference.total * (1 - percentile / 100) >= SLOWEST_MIN;
    const limitMs = isKnown ? this.#reference.percentile(percentile) : undefined;
    if (limitMs === undefined) {
      // What was slow before one could say so is let be.
      this.#reference.addAll(old.fresh);
      for (const side of [now, old]) this.#keep(side);
      return;
    }
    const slowMs = Math.max(limitMs * factor, limitMs + NOISE_MS);
    const fresh = slowOf(now, { slowMs, hungMs: slowMs, nowMs });
    const before = slowOf(old, { slowMs: limitMs, hungMs: slowMs, nowMs });
    if (fresh.requests <= 0 || before.requests <= 0) return;
    const pair = { ...fresh, oldRequests: before.requests, oldBad: before.bad };
    this.#latency = withPair(this.#latency, pair);
    this.#reference.addAll(old.fresh);
    for (const [side, { requests, bad }] of [[now, fresh] as const, [old, before] as const]) {
      side.timed += requests;
      side.slow += bad;
      side.hung.keep();
      this.#keep(side);
    }
  }

  #keep(side: Side): void {
    side.durations.addAll(side.fresh);
    side.fresh.clear();
  }

  #judgement(): Judgement {
    const { errors, latency } = this.#gate;
    const figures = this.#figures();
    const alarm = Math.log((this.#round ** 2 * Math.PI ** 2) / 6 / FALSE_ALARMS);
    const failing = pairOf(this.#new, this.#old, "failed");
    const slow = pairOf(this.#new, this.#old, "slow");
    const slowMargin = 1 - (latency?.percentile ?? 0) / 100;
    const isFailing =
      strengthOf(this.#errors) >= alarm && excess(failing) > NEGLIGIBLE * (errors?.margin ?? 1);
    const isSlow = strengthOf(this.#latency) >= alarm && excess(slow) > slowMargin;
    const enough = [
      ...(errors === undefined ? [] : [enoughOf(failing, errors.margin)]),
      ...(latency === undefined ? [] : [enoughOf(slow, slowMargin)]),
    ];
    const needed = Math.max(0, ...enough.map((it) => it.needed));
    const isFine = enough.every((it) => it.isFine);
    if (isFailing) return { verdict: "ErrorRateWorse", figures, needed };
    if (isSlow) return { verdict: "LatencyWorse", figures, needed };
    return { verdict: isFine ? "Fine" : "NotEnoughTraffic", figures, needed };
  }

  #figures(): Figures {
    const [now, old] = [this.#new, this.#old];
    const percent = this.#gate.latency?.percentile;
    const [mine, theirs] =
      percent === undefined ? [] : [now, old].map(({ durations }) => durations.percentile(percent));
    const isTimed = mine !== undefined && theirs !== undefined;
    return {
      sinceMs: this.#sinceMs,
      requests: { new: now.requests, old: old.requests },
      failed: { new: now.failed, old: old.failed },
      hung: { new: now.hung.count, old: old.hung.count },
      ...(isTimed && { percentileMs: { new: mine, old: theirs } }),
    };
  }
}

function makeSide(): Side {
  const counts = { requests: 0, failed: 0, timed: 0, slow: 0, freshRequests: 0, freshFailed: 0 };
  return { durations: new Durations(), fresh: new Durations(), hung: new Hung(), ...counts };
}

interface Limits {
  readonly slowMs: number;
  readonly hungMs: number;
  readonly nowMs: number;
}

/** What is to be compared now: those that have ended, and those that ought to have. */
function slowOf({ fresh, hung }: Side, { slowMs, hungMs, nowMs }: Limits) {
  const slow = fresh.above(slowMs);
  const more = hung.change(nowMs, hungMs, slow);
  return { requests: fresh.total + more, bad: slow + more };
}

function pairOf(now: Side, old: Side, what: "failed" | "slow"): Pair {
  const [requests, oldRequests] =
    what === "slow" ? [now.timed, old.timed] : [now.requests, old.requests];
  return { requests, bad: now[what], oldRequests, oldBad: old[what] };
}

/** By how much the share of bad ones is greater. */
function excess({ requests, bad, oldRequests, oldBad }: Pair): number {
  return bad / Math.max(1, requests) - oldBad / Math.max(1, oldRequests);
}
