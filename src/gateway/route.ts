import type { Outgoing } from "./caller.ts";
import type { Refusal } from "./refusal.ts";
import type { RouteTable } from "./table.ts";

/** What decides where requests go, by whichever protocol they come. */
export interface Routing {
  readonly rules: RouteTable;
  /** Whether a host that is not in the table is one that no service has. */
  readonly isSettled: () => boolean;
  /** Hears of requests that no rule is asked about. */
  readonly turnedAway: (it: TurnedAway) => void;
}

/** A request to a host that is not in the table; or, without `outgoing`, none that can be read. */
export interface TurnedAway {
  readonly refusal: Refusal;
  readonly client: string;
  readonly outgoing?: Outgoing;
}
