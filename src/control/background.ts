import { type Backoff, delayMs } from "../base/backoff.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";

/** How a piece of work went that nobody waited for. */
export type Outcome<T> =
  | { readonly value: T }
  /** `againAfterMs`: when to ask again, so that it is tried again; 0 while it is. */
  | { readonly error: unknown; readonly againAfterMs: number };

export interface BackgroundOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  /** The pause before work that failed is begun again. */
  readonly again: Backoff;
  /** What has gone well is forgotten at once: asking again begins anew. */
  readonly isForgetful?: boolean;
}

export interface Work<T> {
  readonly act: () => Promise<T>;
  /** What it depends on: asked about something else, it is other work, and begins at once. */
  readonly about?: string;
}

interface Begun<T> {
  readonly about: string;
  isRunning: boolean;
  failures: number;
  /** When it may be tried again, in milliseconds of the clock's `elapsed`. */
  againAtMs: number;
  last?: { readonly value: T } | { readonly error: unknown };
}

/**
 * Work that takes longer than one look at a resource may: begun once for each name, and remembered
 * until it is forgotten. Each look asks how it went, and is woken when there is news. Work that
 * failed is told as failed until it is tried again and goes well.
 */
export class Background<T> {
  readonly #options: BackgroundOptions;
  readonly #begun = new Map<string, Begun<T>>();
  readonly #listeners = new Set<(name: string) => void>();

  constructor(options: BackgroundOptions) {
    this.#options = options;
  }

  /** How it went, or that it is running: begins it when it was not, or when it is time again. */
  ask(name: string, { act, about = "" }: Work<T>): Outcome<T> | "running" {
    const known = this.#begun.get(name);
    if (known?.about !== about) {
      this.#begin(name, act, { about, isRunning: true, failures: 0, againAtMs: 0 });
      return "running";
    }
    const { last } = known;
    if (last === undefined) return "running";
    if ("value" in last) return last;
    const leftMs = known.againAtMs - this.#options.clock.elapsed();
    if (!known.isRunning && leftMs <= 0) this.#begin(name, act, known);
    return { ...last, againAfterMs: known.isRunning ? 0 : Math.ceil(leftMs) };
  }

  /** How many pieces of work are remembered. */
  get size(): number {
    return this.#begun.size;
  }

  /** So that the next `ask` begins anew. What runs goes on, and its outcome is dropped. */
  forget(name: string): void {
    this.#begun.delete(name);
  }

  /** Calls with the name of each piece of work that has ended. */
  watch(listener: (name: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #begin(name: string, act: () => Promise<T>, begun: Begun<T>): void {
    begun.isRunning = true;
    this.#begun.set(name, begun);
    void this.#run(name, act, begun);
  }

  async #run(name: string, act: () => Promise<T>, begun: Begun<T>): Promise<void> {
    const { clock, chance, again, isForgetful = false } = this.#options;
    try {
      begun.last = { value: await act() };
    } catch (error) {
      begun.last = { error };
      begun.againAtMs = clock.elapsed() + delayMs(again, begun.failures, chance);
      begun.failures += 1;
    }
    begun.isRunning = false;
    if (this.#begun.get(name) !== begun) return;
    if (isForgetful && "value" in begun.last) this.#begun.delete(name);
    for (const tell of this.#listeners) tell(name);
  }
}
