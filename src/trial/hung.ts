/** How late what workers tell may be. */
const LATE_MS = 1000;

interface Arrival {
  readonly atMs: number;
  /** How many had come by then. */
  readonly arrived: number;
}

/**
 * How many requests have been open for too long, at the least: what had come by then, less all that
 * has ended since. A revision that never answers shows in nothing else.
 */
export class Hung {
  #arrivals: Arrival[] = [];
  #arrived = 0;
  #ended = 0;
  /** How many were counted, and have not ended since. */
  #counted = 0;
  #next = 0;

  get count(): number {
    return this.#counted;
  }

  add({ arrived, ended }: { readonly arrived: number; readonly ended: number }, nowMs: number) {
    this.#arrived += arrived;
    this.#ended += ended;
    this.#arrivals.push({ atMs: nowMs, arrived: this.#arrived });
  }

  /**
   * How many more there are than were counted; less than 0 when some have ended that were counted,
   * and are among so many slow ones now.
   */
  change(nowMs: number, hungMs: number, slow: number): number {
    const beforeMs = nowMs - hungMs - LATE_MS;
    while ((this.#arrivals[1]?.atMs ?? Infinity) <= beforeMs) this.#arrivals.shift();
    const [first] = this.#arrivals;
    const came = first !== undefined && first.atMs <= beforeMs ? first.arrived : 0;
    this.#next = Math.max(0, came - this.#ended);
    return Math.max(this.#next - this.#counted, -slow);
  }

  /** What `change` said last was taken into account. */
  keep(): void {
    this.#counted = this.#next;
  }

  clear(): void {
    this.#arrivals = [];
    this.#arrived = 0;
    this.#ended = 0;
    this.#counted = 0;
    this.#next = 0;
  }
}
