import { setTimeout as sleep } from "node:timers/promises";

/** The only source of time, so that a test can own it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since some moment of its own; never goes back. For measuring. */
  elapsed(): number;
  /** RFC 3339 in whole seconds, as Kubernetes writes times: "2026-01-01T00:00:00Z". */
  timestamp(): string;
  /** Resolves after `ms`; rejects with the signal's reason when that comes first. */
  sleep(ms: number, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Calls `act` once after `ms`, unless disposed before. Does not keep the process alive. */
  after(ms: number, act: () => void): Disposable;
}

let lastStamp = { second: -1, text: "" };

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  timestamp() {
    // Asked for by every request, and the same for a second.
    const second = Math.floor(Date.now() / 1000);
    if (second !== lastStamp.second) lastStamp = { second, text: timestampOf(second * 1000) };
    return lastStamp.text;
  },
  async sleep(ms, options) {
    let leftMs = ms;
    for (; leftMs > LONGEST_MS; leftMs -= LONGEST_MS) await sleep(LONGEST_MS, undefined, options);
    await sleep(leftMs, undefined, options);
  },
  after: (ms, act) => new Timer(ms, act),
};

/** Small, for there is one for each connection of a gateway. */
class Timer implements Disposable {
  readonly #act: () => void;
  #leftMs: number;
  #timeout: ReturnType<typeof setTimeout>;

  constructor(ms: number, act: () => void) {
    this.#act = act;
    this.#leftMs = ms;
    this.#timeout = this.#wait();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timeout);
  }

  #wait(): ReturnType<typeof setTimeout> {
    const ms = Math.min(this.#leftMs, LONGEST_MS);
    this.#leftMs -= ms;
    return setTimeout(() => this.#fire(), ms).unref();
  }

  #fire(): void {
    if (this.#leftMs > 0) this.#timeout = this.#wait();
    else this.#act();
  }
}

/** What a timer of Node's is asked for beyond this, it does at once: 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** A moment given in milliseconds since 1970, for libraries that want a `Date`. */
export function dateOf(ms: number): Date {
  return new Date(ms);
}

/** RFC 3339 in whole seconds, of milliseconds since 1970. */
export function timestampOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with microseconds, as Kubernetes' MicroTime and log lines are written. */
export function microTimestampOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}

/** How often `act` is called from now on: every `ms`, the next time after it has settled. */
export function every(clock: Clock, ms: number, act: () => Promise<void> | void): Disposable {
  let isOver = false;
  let timer: Disposable | undefined;
  const next = () => {
    timer = clock.after(ms, () => {
      void (async () => {
        await act();
        if (!isOver) next();
      })();
    });
  };
  next();
  return {
    [Symbol.dispose]() {
      isOver = true;
      timer?.[Symbol.dispose]();
    },
  };
}
