import type { Load } from "./route_table.ts";

/** What one backend has to do, counted from one report to the next. */
export class LoadMeter {
  #inside = 0;
  #came = 0;
  #busyMs = 0;
  #sinceMs = 0;

  /** HOT: a request has come, and waits or is served from now on. */
  enter(nowMs: number): void {
    this.#busyMs += this.#inside * (nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
    this.#inside += 1;
    this.#came += 1;
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
  take(backend: string, nowMs: number): Load | undefined {
    const busyMs = this.#busyMs + this.#inside * (nowMs - this.#sinceMs);
    const requests = this.#came;
    this.#busyMs = 0;
    this.#came = 0;
    this.#sinceMs = nowMs;
    return busyMs === 0 && requests === 0 ? undefined : { backend, busyMs, requests };
  }
}
