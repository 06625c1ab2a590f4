import type { LogLine } from "./log_line.ts";

/** A reader that is further behind than this misses lines, and is told so. */
const LINES_MAX = 10_000;

/** Lines on their way to one reader, who gets all that came before the end. */
export class LineQueue {
  #waiting: LogLine[] = [];
  #isEnded = false;
  #wake = () => {};

  add(lines: readonly LogLine[]): void {
    for (const line of lines) this.#waiting.push(line);
    const missed = this.#waiting.length - LINES_MAX;
    if (missed > 0) {
      const [first] = this.#waiting.splice(0, missed + 1);
      const text = `… ${missed + 1} lines left out: the reader is too slow`;
      if (first !== undefined) this.#waiting.unshift({ ...first, text });
    }
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** What is added, as it comes, until the end or the signal. */
  async *lines(signal?: AbortSignal): AsyncIterable<LogLine> {
    const stop = () => this.#wake();
    signal?.addEventListener("abort", stop);
    try {
      while (signal?.aborted !== true) {
        if (this.#waiting.length > 0) {
          const lines = this.#waiting;
          this.#waiting = [];
          yield* lines;
        } else if (this.#isEnded) return;
        // Nothing may be awaited between finding nothing and this, or its coming goes unnoticed.
        else await this.#next();
      }
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
