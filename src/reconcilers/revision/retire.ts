import type { Background, Outcome } from "../../control/background.ts";
import type { Gateway } from "../../gateway/route_table.ts";
import type { Runtime } from "../../runtime/runtime.ts";

export interface RetireDeps {
  readonly gateway: Gateway;
  readonly runtime: Runtime;
  /** Instances on their way out, by name. */
  readonly retiring: Background<void>;
  readonly renewing: Background<void>;
}

/**
 * Lets an instance go that the gateway no longer sends requests to: what it is doing ends first,
 * as far as the deadline allows. Returns at once; one that could not be ended is tried again.
 */
export function retire(
  name: string,
  deadlineMs: number,
  { gateway, runtime, retiring, renewing }: RetireDeps,
): Outcome<void> | "running" {
  return retiring.ask(name, {
    async act() {
      await gateway.drained(name, deadlineMs);
      await runtime.stop(name);
      renewing.forget(name);
    },
  });
}
