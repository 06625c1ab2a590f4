import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../base/clock.ts";
import type { Part } from "./start_all.ts";

/** By then what a start makes and throws away has been made. */
const WAIT_MS = 3000;
/** A larger heap takes longer to go through than a request should wait. */
const HEAP_BYTES_MAX = 128 * 1024 * 1024;

/** So much garbage is let lie beside what is in use; V8 by itself leaves several times as much. */
const GROWING_PERCENT = 50;

/**
 * Gives back once what the start took: V8 keeps the room that it needed then, some 40 MB, until
 * something makes it collect everything, which nothing does where little happens.
 */
export class StartGarbage implements Part {
  readonly #clock: Clock;
  #timer: Disposable | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async start(): Promise<void> {
    setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
    this.#timer = this.#clock.after(WAIT_MS, () => {
      if (getHeapStatistics().used_heap_size <= HEAP_BYTES_MAX) giveBackHeap();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.[Symbol.dispose]();
  }
}

/** Collects all garbage, and gives the room back to the system. Takes some tens of ms. */
function giveBackHeap(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  collect({ type: "major", flavor: "last-resort" });
}
