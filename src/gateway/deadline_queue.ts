import type { Clock } from "../base/clock.ts";

/** What is due at some time, again and again. */
export interface Due {
  /** Where it stands in a queue, or `NOWHERE`: of that queue alone. */
  queuePlace: number;
  /** It has left the queue, since its time has come. */
  due(now: number): void;
}

export const NOWHERE = -1;

/**
 * What connections and requests of a worker wait for, by its time, on one timer for all: a heap,
 * with the earliest on top. A timer for each would be a tenth of an idle connection.
 */
export class DeadlineQueue {
  readonly #clock: Clock;
  readonly #entries: Due[] = [];
  /** When each of them is due, on `elapsed` of the clock. */
  readonly #times: number[] = [];
  #timer: Disposable | undefined;
  #timerAt = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Milliseconds, on the clock by which times are given. */
  now(): number {
    return this.#clock.elapsed();
  }

  /** When it is due; never when it does not wait. */
  timeOf({ queuePlace }: Due): number {
    return queuePlace === NOWHERE ? Infinity : (this.#times[queuePlace] as number);
  }

  /** Takes it in, or moves it. */
  put(entry: Due, at: number): void {
    const { queuePlace } = entry;
    if (queuePlace === NOWHERE) this.#rise(this.#entries.length, entry, at);
    else this.#settle(queuePlace, entry, at);
    if (at < this.#timerAt) this.#arm(at);
  }

  /** Nothing when it does not wait. */
  remove(entry: Due): void {
    const { queuePlace } = entry;
    if (queuePlace === NOWHERE) return;
    entry.queuePlace = NOWHERE;
    const last = this.#entries.pop() as Due;
    const at = this.#times.pop() as number;
    if (last !== entry) this.#settle(queuePlace, last, at);
  }

  /** What is taken out first may leave a timer that is too early: it is set anew when it fires. */
  #arm(at: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#timerAt = at;
    const ms = Math.max(1, Math.ceil(at - this.now()));
    this.#timer = this.#clock.after(ms, () => this.#fire());
  }

  #fire(): void {
    this.#timerAt = Infinity;
    const now = this.now();
    try {
      while (this.size > 0 && (this.#times[0] as number) <= now) {
        const entry = this.#entries[0] as Due;
        this.remove(entry);
        entry.due(now);
      }
    } finally {
      const [next = Infinity] = this.#times;
      if (next < this.#timerAt) this.#arm(next);
    }
  }

  /** Puts it in the place of another, or wherever it belongs from there. */
  #settle(place: number, entry: Due, at: number): void {
    if (place > 0 && at < (this.#times[(place - 1) >> 1] as number)) this.#rise(place, entry, at);
    else this.#sink(place, entry, at);
  }

  #rise(from: number, entry: Due, at: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if ((this.#times[above] as number) <= at) break;
      this.#set(place, this.#entries[above] as Due, this.#times[above] as number);
      place = above;
    }
    this.#set(place, entry, at);
  }

  #sink(from: number, entry: Due, at: number): void {
    let place = from;
    for (;;) {
      const below = this.#earlierBelow(place);
      if (below === NOWHERE || (this.#times[below] as number) >= at) break;
      this.#set(place, this.#entries[below] as Due, this.#times[below] as number);
      place = below;
    }
    this.#set(place, entry, at);
  }

  /** Of the two below a place. */
  #earlierBelow(place: number): number {
    const left = 2 * place + 1;
    if (left >= this.size) return NOWHERE;
    const right = left + 1;
    if (right >= this.size) return left;
    return (this.#times[right] as number) < (this.#times[left] as number) ? right : left;
  }

  #set(place: number, entry: Due, at: number): void {
    this.#entries[place] = entry;
    this.#times[place] = at;
    entry.queuePlace = place;
  }
}
