import type { Load } from "./route_table.ts";

/** What one backend has to do, counted from one report to the next. */
export class LoadMeter {
  readonly #backend: string;
  readonly #told: LoadMeter[];
  #isTold = false;
  #inside = 0;
  #came = 0;
  #busyMs = 0;
  #sinceMs = 0;

  /**
   * A meter puts itself among those to be told of when a request comes, for of very many backends
   * few have any.
   */
  constructor(backend: string, told: LoadMeter[]) {
    this.#backend = backend;
    this.#told = told;
  }

  get backend(): string {
    return this.#backend;
  }

  /** HOT: a request has come, and waits or is served from now on. */
  enter(nowMs: number): void {
    this.#busyMs += this.#inside * (nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
    this.#inside += 1;
    this.#came += 1;
    if (this.#isTold) return;
    this.#isTold = true;
    this.#told.push(this);
  }

  /** HOT: it is over, in whichever way. */
  leave(nowMs: number): void {
    this.#busyMs += this.#inside * (nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
    this.#inside -= 1;
  }

  /** Requests that wait or are served now. */
  get inside(): number {
    return this.#inside;
  }

  /** What there was since the last time of asking; nothing when there was nothing. */
  take(nowMs: number): Load | undefined {
    const busyMs = this.#busyMs + this.#inside * (nowMs - this.#sinceMs);
    const requests = this.#came;
    this.#busyMs = 0;
    this.#came = 0;
    this.#sinceMs = nowMs;
    return busyMs === 0 && requests === 0
      ? undefined
      : { backend: this.#backend, busyMs, requests };
  }

  /** Whether it is to be told of again: until nothing is inside, and all of it was. */
  stays(): boolean {
    this.#isTold = this.#inside > 0;
    return this.#isTold;
  }
}
