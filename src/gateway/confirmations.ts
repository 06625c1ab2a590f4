import { ApiError } from "../api/error.ts";
import type { Clock } from "../base/clock.ts";

/** A worker, as far as waiting for it goes. */
export interface Confirming {
  readonly confirmed: number;
  readonly record: { readonly name: string; readonly id: { readonly pid: number } };
}

export interface ConfirmationsOptions {
  readonly clock: Clock;
  /** Those whose word counts now: whoever may be serving. */
  readonly counted: () => readonly Confirming[];
  /** These have not confirmed in time. */
  readonly late: (workers: readonly Confirming[]) => void;
}

const CONFIRM_MS = 5_000;

interface Wait {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly timer: Disposable;
}

/** Waits until every worker serves a change: one wait for all who ask for the same. */
export class Confirmations {
  readonly #options: ConfirmationsOptions;
  readonly #waits = new Map<number, Wait>();

  constructor(options: ConfirmationsOptions) {
    this.#options = options;
  }

  /** Resolves when all serve change `number`; throws `ServiceUnavailable` when one is late. */
  of(number: number): Promise<void> {
    if (this.#isConfirmed(number)) return Promise.resolve();
    const known = this.#waits.get(number);
    if (known !== undefined) return known.promise;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(CONFIRM_MS, () => {
      this.#waits.delete(number);
      reject(this.#tooLate(number));
    });
    this.#waits.set(number, { promise, resolve, timer });
    return promise;
  }

  /** To be called when a worker has confirmed something, has come or has gone. */
  check(): void {
    for (const [number, { resolve, timer }] of this.#waits) {
      // They stand in the order of their numbers, but for rare ones that were asked for again.
      if (!this.#isConfirmed(number)) continue;
      this.#waits.delete(number);
      timer[Symbol.dispose]();
      resolve();
    }
  }

  #isConfirmed(number: number): boolean {
    const counted = this.#options.counted();
    return counted.length > 0 && counted.every(({ confirmed }) => confirmed >= number);
  }

  #tooLate(number: number): ApiError {
    const late = this.#options.counted().filter(({ confirmed }) => confirmed < number);
    this.#options.late(late);
    const names = late.map(({ record }) => `"${record.name}" (pid ${record.id.pid})`).join(", ");
    const what = late.length === 0 ? "no worker is running" : `not confirmed by ${names}`;
    const message = `Cannot change what the gateway serves: ${what} within ${CONFIRM_MS} ms`;
    return new ApiError("ServiceUnavailable", message);
  }
}
