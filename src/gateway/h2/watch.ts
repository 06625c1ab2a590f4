import type { Clock } from "../../base/clock.ts";
import { Deadlines, type Limit } from "../deadlines.ts";

/** Who is told when its time is over. */
export interface Watched {
  expire(limit: Limit): void;
}

/** The time limits of one stream after another: each of them would need a timer of its own. */
export class Watch {
  readonly deadlines: Deadlines;
  watched: Watched | undefined;

  constructor(clock: Clock) {
    this.deadlines = new Deadlines(clock, (limit) => this.watched?.expire(limit));
  }
}

const FREE_MAX = 1_024;

/** Those of a worker that no stream has. */
export class Watches {
  readonly #clock: Clock;
  readonly #free: Watch[] = [];
  /** For streams that are over: whoever still sets a limit there sets it for nobody. */
  readonly none: Watch;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.none = new Watch(clock);
  }

  take(watched: Watched): Watch {
    const watch = this.#free.pop() ?? new Watch(this.#clock);
    watch.watched = watched;
    return watch;
  }

  /** Its timer goes on, and finds nothing to do unless it is taken again. */
  giveBack(watch: Watch): void {
    watch.watched = undefined;
    if (this.#free.length < FREE_MAX) {
      watch.deadlines.forget();
      this.#free.push(watch);
    } else watch.deadlines.clearAll();
  }
}
