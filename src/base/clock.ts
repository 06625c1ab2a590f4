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

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  timestamp: () => timestampOf(Date.now()),
  sleep: (ms, options) => sleep(ms, undefined, options),
  after(ms, act) {
    const timer = setTimeout(act, ms);
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

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
