import type { Clock } from "../base/clock.ts";
import type { RunRecord } from "./records.ts";
import type { Driver } from "./run.ts";

/**
 * Whoever takes longer than this waits for something else than the processor, and keeps nobody
 * from beginning.
 */
const HELD_MS = 500;

interface Waiting {
  readonly name: string;
  readonly begin: () => void;
}

/**
 * Lets a few begin at a time. A hundred that begin at once are all ready when the last one is; one
 * after another they cost less, for nobody is probed, told of and waited for all that time.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #waiting = new Set<Waiting>();
  readonly #held = new Map<string, Disposable>();

  constructor(clock: Clock, most: number) {
    this.#clock = clock;
    this.#most = most;
  }

  /** The same driver, with runs that begin when it is their turn. */
  around<R extends RunRecord>(driver: Driver<R>): Driver<R> {
    return {
      ...driver,
      begin: async (beginning) => {
        const { spec, signal } = beginning;
        await this.#take(spec.name, signal);
        try {
          return await driver.begin(beginning);
        } catch (thrown) {
          this.give(spec.name);
          throw thrown;
        }
      },
    };
  }

  /** It is not beginning any more. Of whoever has no turn nothing happens. */
  give(name: string): void {
    const held = this.#held.get(name);
    if (held === undefined) return;
    held[Symbol.dispose]();
    this.#held.delete(name);
    this.#next();
  }

  async #take(name: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { name, begin: resolve };
    const leave = () => {
      this.#waiting.delete(waiting);
      reject(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    this.#waiting.add(waiting);
    this.#next();
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  #next(): void {
    for (const waiting of this.#waiting) {
      if (this.#held.size >= this.#most) return;
      const { name, begin } = waiting;
      this.#waiting.delete(waiting);
      this.#held.set(
        name,
        this.#clock.after(HELD_MS, () => this.give(name)),
      );
      begin();
    }
  }
}
