import type { Clock } from "../base/clock.ts";
import type { Carriers } from "./caller.ts";
import type { DeadlineQueue } from "./deadline_queue.ts";
import type { Endless } from "./endless.ts";
import type { Mirrors } from "./mirrors.ts";
import type { Seats } from "./seats.ts";
import type { Witness } from "./witness.ts";

/** What all exchanges of a worker have in common. */
export interface ExchangeParts {
  readonly clock: Clock;
  readonly deadlines: DeadlineQueue;
  readonly seats: Seats;
  readonly carriers: Carriers;
  readonly witness: Witness;
  readonly mirrors: Mirrors;
  readonly endless: Endless;
}
