import { hash } from "node:crypto";
import { readDurationMs } from "../api/duration.ts";
import type { RateLimit } from "../api/traffic_policy_schema.ts";
import type { Clock } from "../base/clock.ts";
import { lineOf } from "./client_address.ts";
import type { Asked } from "./course.ts";
import { type Claims, claimOf } from "./match.ts";
import type { Refusal } from "./refusal.ts";
import { tooMany } from "./refusals_of_policy.ts";

/** Keys that one limit remembers; those that were quiet the longest are forgotten first. */
const KEYS_MAX = 20_000;

/** A longer key is known by its digest: what strangers send must not fill the memory. */
const KEY_CHARS_MAX = 64;

interface Bucket {
  tokens: number;
  atMs: number;
  /** Taken here since the other workers were told. */
  spent: number;
}

export interface LimiterParts {
  readonly clock: Clock;
  /** A token was taken, which the other workers are to know. */
  readonly spent: () => void;
}

/**
 * One limit, as buckets of tokens by key: each request takes one, and they come back evenly. A
 * worker goes by what it sees, and by what the others tell it of every moment: so the limit is one
 * for all of them, and can be passed by what they let in between two words.
 */
export class Limiter {
  readonly spec: RateLimit;
  readonly #clock: Clock;
  readonly #spent: () => void;
  readonly #buckets = new Map<string, Bucket>();
  readonly #burst: number;
  readonly #perMs: number;

  constructor(spec: RateLimit, { clock, spent }: LimiterParts) {
    this.spec = spec;
    this.#clock = clock;
    this.#spent = spent;
    this.#burst = spec.burst ?? spec.requests;
    this.#perMs = spec.requests / (readDurationMs(spec.per) ?? 1000);
  }

  /** Whether the claims of a token are what it counts by. */
  get isByClaim(): boolean {
    return this.spec.claim !== undefined;
  }

  /** Takes one token, or says why there is none. Requests without a key share one bucket. */
  check(asked: Asked, client: string, claims: Claims | undefined): Refusal | undefined {
    const { header, claim, all, requests, per } = this.spec;
    const value =
      header === undefined ? claimOf(claims, claim ?? "") : asked.header(header.toLowerCase());
    const isOfClient = header === undefined && claim === undefined;
    const key = all === true ? "" : isOfClient ? lineOf(client) : (value ?? "");
    const bucket = this.#bucket(shortOf(key));
    if (bucket.tokens >= 1 && asked.isTrial === true) return undefined;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      bucket.spent += 1;
      this.#spent();
      return undefined;
    }
    const name = header === undefined ? `claim "${claim}"` : `header "${header}"`;
    const of = all === true ? "host" : isOfClient ? "client address" : name;
    return tooMany({ requests, per, of, waitMs: (1 - bucket.tokens) / this.#perMs });
  }

  /** What was taken here since the last time of asking. */
  takeSpent(): readonly (readonly [key: string, count: number])[] {
    const spent: (readonly [string, number])[] = [];
    for (const [key, bucket] of this.#buckets) {
      if (bucket.spent === 0) continue;
      spent.push([key, bucket.spent]);
      bucket.spent = 0;
    }
    return spent;
  }

  /** So many were taken at another worker. */
  spentElsewhere(key: string, count: number): void {
    const bucket = this.#bucket(key);
    // What was let in too much is paid back, though never for longer than a whole burst.
    bucket.tokens = Math.max(bucket.tokens - count, -this.#burst);
  }

  #bucket(key: string): Bucket {
    const now = this.#clock.elapsed();
    const known = this.#buckets.get(key);
    const bucket = known ?? { tokens: this.#burst, atMs: now, spent: 0 };
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (now - bucket.atMs) * this.#perMs);
    bucket.atMs = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (known === undefined && this.#buckets.size > KEYS_MAX) this.#forgetOldest();
    return bucket;
  }

  #forgetOldest(): void {
    for (const key of this.#buckets.keys()) {
      this.#buckets.delete(key);
      return;
    }
  }
}

function shortOf(key: string): string {
  return key.length <= KEY_CHARS_MAX ? key : hash("sha256", key, "base64");
}
