import type { Clock } from "../../base/clock.ts";

/** What a client of HTTP/2 can do that costs it little and us much. */
export type Attack = "h2Resets" | "h2Pings" | "h2Settings" | "h2Frames";

export interface BudgetOptions {
  /** So many at once, and then so many a second. */
  readonly max: number;
  readonly perSecond: number;
  readonly clock: Clock;
}

/** How often one client may do a thing: full at the start, filled up again as time passes. */
export class Budget {
  readonly #options: BudgetOptions;
  #left: number;
  #at: number;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#left = options.max;
    this.#at = options.clock.elapsed();
  }

  /** Spends one; answers whether there was one left. */
  spend(): boolean {
    const { max, perSecond, clock } = this.#options;
    const now = clock.elapsed();
    this.#left = Math.min(max, this.#left + ((now - this.#at) / 1_000) * perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
