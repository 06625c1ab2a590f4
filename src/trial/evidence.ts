/** What two revisions did in the same stretch of time, of one kind of event. */
export interface Pair {
  /** Requests of the new one, and those of them that count against it. */
  readonly requests: number;
  readonly bad: number;
  readonly oldRequests: number;
  readonly oldBad: number;
}

/** How much worse the new one may be, as a ratio of odds: the alternatives that are weighed. */
const ODDS: readonly number[] = [1.5, 2, 4, 16, 64, 256];

/**
 * Evidence that the new one is worse, as logarithms: for each of the alternatives, by how much more
 * likely it made what was seen than "both are alike" did.
 */
export type Evidence = readonly number[];

export const NO_EVIDENCE: Evidence = ODDS.map(() => 0);

/**
 * The evidence after one more stretch. It goes by which of the two the bad requests belonged to,
 * given how many there were (Fisher's noncentral hypergeometric distribution): so an outage that
 * hits both says nothing, and nothing has to be known of how often requests are bad at all. Under
 * "both are alike" each of the ratios is a martingale whose mean is 1, whenever one looks.
 */
export function withPair(evidence: Evidence, pair: Pair): Evidence {
  const { requests, bad, oldRequests, oldBad } = pair;
  const isSilent = requests === 0 || oldRequests === 0 || bad + oldBad === 0;
  if (isSilent) return evidence;
  const least = Math.max(0, bad + oldBad - oldRequests);
  const ways = waysOf(pair, least);
  const all = sumOfLogs(ways);
  return evidence.map((log, at) => {
    const odds = Math.log(ODDS[at] as number);
    const mean = sumOfLogs(ways.map((way, more) => way + (least + more) * odds)) - all;
    return log + bad * odds - mean;
  });
}

/** The evidence of all alternatives together, each of the same weight: a martingale, too. */
export function strengthOf(evidence: Evidence): number {
  return sumOfLogs(evidence) - Math.log(evidence.length);
}

/** In how many ways so many bad ones can be the new one's, from `least` on, as logarithms. */
function waysOf({ requests, bad, oldRequests, oldBad }: Pair, least: number): readonly number[] {
  const all = bad + oldBad;
  const most = Math.min(all, requests);
  const ways = [0];
  for (let count = least; count < most; count += 1) {
    const more = (requests - count) * (all - count);
    const fewer = (count + 1) * (oldRequests - all + count + 1);
    ways.push((ways.at(-1) as number) + Math.log(more / fewer));
  }
  return ways;
}

function sumOfLogs(logs: readonly number[]): number {
  let most = -Infinity;
  for (const log of logs) most = Math.max(most, log);
  if (most === -Infinity) return most;
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0));
}
