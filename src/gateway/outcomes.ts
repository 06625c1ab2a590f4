import { DURATION_CLASSES, durationClassOf } from "../base/durations.ts";
import type { Outcomes } from "./route_table.ts";

/** What became of the requests to one revision that is being compared with another. */
export class OutcomeMeter {
  #ended = 0;
  #failed = 0;
  #arrived = 0;
  #durations = new Uint32Array(DURATION_CLASSES);

  /** HOT: a request has come. */
  enter(): void {
    this.#arrived += 1;
  }

  /** HOT: it is over. How long it took counts unless its instance had to warm up. */
  leave(isFailed: boolean, ms: number, isTimed: boolean): void {
    this.#ended += 1;
    if (isFailed) this.#failed += 1;
    if (!isTimed) return;
    const at = durationClassOf(ms);
    this.#durations[at] = (this.#durations[at] as number) + 1;
  }

  /** What there was since the last time of asking. */
  take(): Outcomes {
    const durations: number[] = [];
    for (const [at, count] of this.#durations.entries()) if (count > 0) durations.push(at, count);
    const taken = { arrived: this.#arrived, ended: this.#ended, failed: this.#failed, durations };
    this.#arrived = 0;
    this.#ended = 0;
    this.#failed = 0;
    this.#durations.fill(0);
    return taken;
  }
}
