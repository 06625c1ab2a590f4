import { conditionOf } from "../../api/condition.ts";
import type { DomainMapping } from "../../api/domain_mapping.ts";
import { isGoing } from "../../api/meta.ts";
import type { TrafficPolicy } from "../../api/traffic_policy.ts";
import type { Source } from "../../control/controller.ts";
import type { References } from "../../control/references.ts";

export interface RivalsDeps {
  readonly policyReferences: References<TrafficPolicy>;
  readonly mappings: References<DomainMapping>;
}

/** Whether its domain is that of its Route now; a policy of another Route may not have it then. */
export function hasDomain(mapping: DomainMapping): boolean {
  return !isGoing(mapping) && conditionOf(mapping.status, "DomainClaimed")?.status === "True";
}

/**
 * Wakes whose policy wants a host when another policy, or a DomainMapping, begins or ceases to
 * want it. Who has changed comes first: so it lets go before another takes.
 */
export function rivals({ policyReferences, mappings }: RivalsDeps): Source {
  return (wake) => {
    const stack = new DisposableStack();
    stack.use(
      policyReferences.watch((target, changed) => {
        if (!target.startsWith("Host/")) return;
        wake(changed);
        for (const key of policyReferences.to(target)) wake(key);
      }),
    );
    stack.use(
      mappings.watch((target) => {
        const [kind, host] = target.split("/");
        if (kind !== "Domain") return;
        for (const key of policyReferences.to(`Host/${host}`)) wake(key);
      }),
    );
    return stack;
  };
}
