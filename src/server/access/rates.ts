import { ApiError } from "../../api/error.ts";
import type { Clock } from "../../base/clock.ts";

export interface RateLimit {
  /** On average; 0 is no limit. */
  readonly perSecond: number;
  /** At once, after a pause. */
  readonly burst: number;
}

interface Bucket {
  left: number;
  atMs: number;
}

/** Beyond so many clients, those who were silent longest are forgotten: their buckets are full. */
const CLIENTS_MAX = 10_000;

/** Lets each client do so much at once and so much a second: a bucket of tokens for each. */
export class Rates {
  readonly #limit: RateLimit;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Takes one token. Throws `TooManyRequests`, which says when there will be one. */
  take(client: string): void {
    const waitMs = this.#waitMs(client, true);
    if (waitMs > 0) throw tooMany(client, this.#limit, waitMs);
  }

  /** Throws as `take` does, and takes nothing. */
  check(client: string): void {
    const waitMs = this.#waitMs(client, false);
    if (waitMs > 0) throw tooMany(client, this.#limit, waitMs);
  }

  #waitMs(client: string, isTaken: boolean): number {
    const { perSecond, burst } = this.#limit;
    if (perSecond === 0) return 0;
    const nowMs = this.#clock.elapsed();
    const { left, atMs } = this.#buckets.get(client) ?? { left: burst, atMs: nowMs };
    const filled = Math.min(burst, left + ((nowMs - atMs) * perSecond) / 1000);
    if (filled < 1) return ((1 - filled) * 1000) / perSecond;
    if (isTaken) {
      // Set anew, so that the first in the map is the one that was silent longest.
      this.#buckets.delete(client);
      this.#buckets.set(client, { left: filled - 1, atMs: nowMs });
      this.#forget();
    }
    return 0;
  }

  #forget(): void {
    if (this.#buckets.size <= CLIENTS_MAX) return;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

function tooMany(client: string, { perSecond, burst }: RateLimit, waitMs: number): ApiError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  const rule = `${perSecond} requests a second and ${burst} at once are served to one client`;
  const message = `too many requests of ${JSON.stringify(client)}: ${rule}; wait ${seconds} s`;
  return new ApiError("TooManyRequests", message, { details: { retryAfterSeconds: seconds } });
}
