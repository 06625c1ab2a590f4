/**
 * In which order shares take their turns, so that each has its part of any stretch of requests.
 *
 * This is Tijdeman's answer to the chairman assignment problem: of those who are owed enough, the
 * one whose turn would be overdue first. With k shares no share is ever more than 1 − 1/(2k − 2)
 * of a request off since the beginning; so over any stretch it is off by less than two, over any
 * whole period not at all, and the same shares have the same order everywhere.
 *
 * Answers with an index of `weights` for each request of one period, which is as short as the
 * weights allow: 90 and 10 repeat after ten requests.
 */
export function orderOf(weights: readonly number[]): Uint16Array {
  const known = weights.map((weight, index) => ({ weight, index, taken: 0 }));
  const shares = known.filter(({ weight }) => weight > 0);
  const divisor = shares.reduce((sum, { weight }) => commonDivisor(sum, weight), 0);
  for (const share of shares) share.weight /= divisor;
  const period = shares.reduce((sum, { weight }) => sum + weight, 0);
  const order = new Uint16Array(period);
  const parts = Math.max(2 * shares.length - 2, 1);
  for (let turn = 1; turn <= period; turn += 1) {
    let next = shares[0] as (typeof shares)[number];
    let soonest = Infinity;
    for (const share of shares) {
      const owed = share.weight * turn - period * share.taken;
      const overdue = ((period * (parts - 1)) / parts - owed) / share.weight;
      const isEligible = owed * parts >= period;
      if (!isEligible || overdue >= soonest) continue;
      soonest = overdue;
      next = share;
    }
    next.taken += 1;
    order[turn - 1] = next.index;
  }
  return order;
}

function commonDivisor(one: number, other: number): number {
  return other === 0 ? one : commonDivisor(other, one % other);
}

const KEPT_MAX = 512;

/** Remembers orders: most hosts share their few shares with thousands of others. */
export class Orders {
  readonly #known = new Map<string, Uint16Array>();

  of(weights: readonly number[]): Uint16Array {
    const key = weights.join(",");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= KEPT_MAX) this.#known.clear();
    const order = orderOf(weights);
    this.#known.set(key, order);
    return order;
  }
}
