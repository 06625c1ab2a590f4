import { type Clock, timestampOf } from "../../src/base/clock.ts";

/** It is always now, until a test says that time has passed. */
export const NOW = "2026-01-01T00:00:00Z";

interface Timer {
  readonly atMs: number;
  readonly act: () => void;
}

/** A clock that stands still but when it is told to go on. */
export class WorldClock implements Clock {
  readonly #timers = new Set<Timer>();
  #nowMs = Date.parse(NOW);

  /** Lets time pass, and calls whoever waited for it, in order. */
  pass(seconds: number): void {
    const untilMs = this.#nowMs + seconds * 1000;
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.act();
    }
    this.#nowMs = untilMs;
  }

  now(): number {
    return this.#nowMs;
  }

  elapsed(): number {
    return this.#nowMs;
  }

  timestamp(): string {
    return timestampOf(this.#nowMs);
  }

  async sleep(ms: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    using timer = this.after(ms, resolve);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    await promise;
    void timer;
  }

  after(ms: number, act: () => void): Disposable {
    const timer = { atMs: this.#nowMs + ms, act };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  #next(untilMs: number): Timer | undefined {
    const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs);
    return due.toSorted((one, other) => one.atMs - other.atMs)[0];
  }
}
