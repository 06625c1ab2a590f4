import type { Pair } from "./evidence.ts";

/** How sure one has to be that the new one is no worse: wrong once in so many. */
const SURE = 20;

/** Before much is known, requests are taken to be bad as seldom as with so many behind them. */
const PRIOR = 50;

export interface Enough {
  /** The new one is not worse by the margin, as far as one can be sure. */
  readonly isFine: boolean;
  /** About how many requests of each it takes, when the new one is like the old one. */
  readonly needed: number;
}

/**
 * Whether there was enough traffic to say that the new one is no worse: that its share of bad
 * requests is less than the old one's and the margin, or than twice the old one's where that is
 * more. Wald's sequential test of that share against the old one's own.
 */
export function enoughOf({ requests, bad, oldRequests, oldBad }: Pair, margin: number): Enough {
  const old = (oldBad + 0.5) / (oldRequests + PRIOR);
  const worse = Math.min(old + Math.max(margin, old), 0.999);
  const perBad = Math.log(old / worse);
  const perGood = Math.log((1 - old) / (1 - worse));
  const threshold = Math.log(SURE);
  // Whoever is no better than half fails anyway: then there is nothing to tell apart.
  if (old >= 0.999) return { isFine: requests > 0, needed: 1 };
  const needed = Math.ceil(threshold / (old * perBad + (1 - old) * perGood));
  const log = bad * perBad + (requests - bad) * perGood;
  return { isFine: log >= threshold && oldRequests >= needed, needed };
}
