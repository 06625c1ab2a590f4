import type { DeadlineQueue } from "../deadline_queue.ts";
import { Deadlines, type Limit, type Limited } from "../deadlines.ts";
import { LIMITS } from "../limits.ts";

/** Who acts when the time of a connection is over. */
export interface VigilOptions {
  readonly deadlines: DeadlineQueue;
  /** It has been idle for long, or has begun a frame and does not go on. */
  readonly late: () => void;
  /** It takes nothing of what is sent, or does not end when it should. */
  readonly stuck: () => void;
}

/** The time limits of one connection of HTTP/2. */
export class Vigil implements Limited {
  readonly #options: VigilOptions;
  readonly #deadlines: Deadlines;
  /** A frame, or the words in front of the first, has begun and is not whole. */
  #isWithin = true;

  constructor(options: VigilOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.deadlines, this);
    this.#deadlines.set("head", LIMITS.headMs);
  }

  /** Something has come. `isIdle`: there are no streams. */
  heard(isWithin: boolean, isIdle: boolean): void {
    if (isWithin) {
      if (!this.#isWithin) this.#deadlines.set("head", LIMITS.headMs);
    } else if (isIdle) this.#deadlines.set("head", LIMITS.keepAliveMs);
    else this.#deadlines.clear("head");
    this.#isWithin = isWithin;
  }

  /** The last stream is done. */
  rest(): void {
    if (!this.#isWithin) this.#deadlines.set("head", LIMITS.keepAliveMs);
  }

  /** The client is slower than what is sent. */
  full(): void {
    if (!this.#deadlines.isSet("write")) this.#deadlines.set("write", LIMITS.writeIdleMs);
  }

  drained(): void {
    this.#deadlines.clear("write");
  }

  /** All is said, and sent: the client has a moment to hear it. */
  farewell(): void {
    this.#deadlines.clear("head");
    this.#deadlines.clear("write");
    this.#deadlines.set("body", LIMITS.lastWordMs);
  }

  expire(limit: Limit): void {
    if (limit === "head") this.#options.late();
    else this.#options.stuck();
  }

  end(): void {
    this.#deadlines.end();
  }
}
