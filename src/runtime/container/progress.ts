import type { LogLine } from "../../base/log_line.ts";

/**
 * How far a log is that is filled from one in which each line has its time: what has been read
 * once is not taken again. Lines of the same moment are told apart by counting them.
 */
export class Progress {
  /** The time of the last line; empty while there is none. */
  #at = "";
  /** How many lines of that time there are. */
  #lines = 0;
  /** How many of those come again, since reading was begun anew. */
  #again = 0;

  get at(): string {
    return this.#at;
  }

  /** Counts a line that is in the log already. */
  count({ at }: Pick<LogLine, "at">): void {
    this.#lines = at === this.#at ? this.#lines + 1 : 1;
    this.#at = at;
  }

  /** Says that what is of that time, or later, comes from its beginning. */
  beginAgain(): void {
    this.#again = this.#lines;
  }

  /** Those of the lines that are new. */
  take(lines: readonly LogLine[]): readonly LogLine[] {
    return lines.filter((line) => {
      if (line.at < this.#at) return false;
      if (line.at === this.#at && this.#again > 0) {
        this.#again -= 1;
        return false;
      }
      this.count(line);
      return true;
    });
  }
}
