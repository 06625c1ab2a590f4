import type { Clock } from "../base/clock.ts";

/**
 * What may come to an end by time. Of the request: all of it, the connecting, the first byte, a
 * silence. Of the client: its next head, the next piece of its body, its taking of the answer.
 */
export type Limit = "whole" | "connect" | "start" | "idle" | "head" | "body" | "write";

const PLACES: readonly Limit[] = ["whole", "connect", "start", "idle", "head", "body", "write"];
const PLACE_OF = Object.fromEntries(PLACES.map((limit, at) => [limit, at])) as Record<
  Limit,
  number
>;

/**
 * The limits of one request or one connection, on one timer. Moving a limit away, as every byte
 * does with `idle`, leaves the timer alone: when it fires too early it is set for the rest.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #expired: (limit: Limit) => void;
  readonly #at: number[] = [Infinity, Infinity, Infinity, Infinity, Infinity, Infinity, Infinity];
  #timer: Disposable | undefined;
  #timerAt = Infinity;

  constructor(clock: Clock, expired: (limit: Limit) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** Counts from now. Setting it again counts anew. */
  set(limit: Limit, ms: number): void {
    const at = this.#clock.elapsed() + ms;
    this.#at[PLACE_OF[limit]] = at;
    if (at < this.#timerAt) this.#arm(at, ms);
  }

  /** One that is set ends so much later. */
  prolong(limit: Limit, ms: number): void {
    this.#at[PLACE_OF[limit]] = (this.#at[PLACE_OF[limit]] as number) + ms;
  }

  clear(limit: Limit): void {
    this.#at[PLACE_OF[limit]] = Infinity;
  }

  isSet(limit: Limit): boolean {
    return this.#at[PLACE_OF[limit]] !== Infinity;
  }

  /** Of the request; those of the client stay. */
  clearRequest(): void {
    for (let place = 0; place < 4; place += 1) this.#at[place] = Infinity;
  }

  /** All of them, and the timer goes on for whoever uses it next. */
  forget(): void {
    this.#at.fill(Infinity);
  }

  clearAll(): void {
    this.#at.fill(Infinity);
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
    for (const [place, at] of this.#at.entries()) {
      if (at > now) continue;
      this.#at[place] = Infinity;
      this.#expired(PLACES[place] as Limit);
    }
    const next = Math.min(...this.#at);
    if (next < this.#timerAt && next !== Infinity) this.#arm(next, Math.max(0, next - now));
  }
}
