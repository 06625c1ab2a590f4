import { LIMITS } from "../limits.ts";

/** What was asked of a stream that is not open: whether it makes sense depends on its past. */
export type Past = "idle" | "skipped" | "reset" | "closed";

const GAPS_MAX = 64;

/** Which streams of a connection were opened, without a list of them: they come in order. */
export class StreamIds {
  #last = 0;
  /** Ranges that were left out, first and last of each: a client that does so does it seldom. */
  readonly #gaps: [number, number][] = [];
  /** Those that we have ended, so that more of them may be on its way. */
  readonly #reset = new Set<number>();

  get last(): number {
    return this.#last;
  }

  open(id: number): void {
    if (id > this.#last + 2) {
      this.#gaps.push([this.#last + 1, id - 1]);
      if (this.#gaps.length > GAPS_MAX) this.#gaps.shift();
    }
    this.#last = id;
  }

  reset(id: number): void {
    this.#reset.add(id);
    if (this.#reset.size <= 2 * LIMITS.h2StreamsMax) return;
    for (const oldest of this.#reset) {
      this.#reset.delete(oldest);
      return;
    }
  }

  pastOf(id: number): Past {
    // Those with even numbers are ours, and we begin none.
    if (id > this.#last || id % 2 === 0) return "idle";
    if (this.#reset.has(id)) return "reset";
    return this.#gaps.some(([first, last]) => id >= first && id <= last) ? "skipped" : "closed";
  }
}
