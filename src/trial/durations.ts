import { DURATION_CLASSES, durationBoundOf } from "../base/durations.ts";

/** How many requests took how long, by the classes of `base/durations.ts`. */
export class Durations {
  readonly #counts = new Float64Array(DURATION_CLASSES);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** Adds what a gateway tells: a class, how many, and so on. */
  add(told: readonly number[]): void {
    for (let at = 0; at + 1 < told.length; at += 2) {
      const index = Math.min(told[at] as number, DURATION_CLASSES - 1);
      this.#counts[index] = (this.#counts[index] as number) + (told[at + 1] as number);
      this.#total += told[at + 1] as number;
    }
  }

  addAll(other: Durations): void {
    for (const [at, count] of other.#counts.entries()) if (count > 0) this.add([at, count]);
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  /** How many took as long as that or longer: of those in the class that it is in, none. */
  above(ms: number): number {
    let sum = 0;
    for (let at = DURATION_CLASSES - 1; at > 0 && durationBoundOf(at - 1) >= ms; at -= 1) {
      sum += this.#counts[at] as number;
    }
    return sum;
  }

  /** What so many of a hundred were faster than; nothing when there were none. */
  percentile(percent: number): number | undefined {
    if (this.#total === 0) return undefined;
    const wanted = Math.ceil((this.#total * percent) / 100);
    let sum = 0;
    let at = 0;
    for (; at < DURATION_CLASSES - 1; at += 1) {
      sum += this.#counts[at] as number;
      if (sum >= wanted) break;
    }
    return durationBoundOf(at);
  }
}
