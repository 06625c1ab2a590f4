import type { RouteTable } from "./table.ts";

/** What decides where requests go, by whichever protocol they come. */
export interface Routing {
  readonly rules: RouteTable;
  /** Whether a host that is not in the table is one that no service has. */
  readonly isSettled: () => boolean;
}
