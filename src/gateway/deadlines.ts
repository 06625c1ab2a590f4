import type { Clock } from "../base/clock.ts";

/** What may come to an end by time: all of it, the connecting, the first byte, a silence. */
export type Limit = "whole" | "connect" | "start" | "idle";

/**
 * The limits of one request, on one timer. Moving a limit away, as every byte does with `idle`,
 * leaves the timer alone: when it fires too early it is set for the rest.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #expired: (limit: Limit) => void;
  readonly #at = new Map<Limit, number>();
  #timer: Disposable | undefined;
  #timerAt = Infinity;

  constructor(clock: Clock, expired: (limit: Limit) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** Counts from now. Setting it again counts anew. */
  set(limit: Limit, ms: number): void {
    const at = this.#clock.elapsed() + ms;
    this.#at.set(limit, at);
    if (at < this.#timerAt) this.#arm(at, ms);
  }

  clear(limit: Limit): void {
    this.#at.delete(limit);
  }

  clearAll(): void {
    this.#at.clear();
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }

  #arm(at: number, ms: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#timerAt = at;
    this.#timer = this.#clock.after(Math.max(1, Math.ceil(ms)), () => this.#fire());
  }

  #fire(): void {
    this.#timerAt = Infinity;
    const now = this.#clock.elapsed();
    for (const [limit, at] of this.#at) {
      if (at > now) continue;
      this.#at.delete(limit);
      this.#expired(limit);
    }
    const next = Math.min(...this.#at.values());
    if (next < this.#timerAt && next !== Infinity) this.#arm(next, next - now);
  }
}
