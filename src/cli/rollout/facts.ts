import type { Revision } from "../../api/revision.ts";
import type { Rollout } from "../../api/rollout.ts";
import type { Route } from "../../api/route.ts";
import type { Service } from "../../api/service.ts";
import { readinessOf, type Share, sharesOf } from "../service_facts.ts";

/** A service, its Route and its revisions, as they are now. */
export interface Seen {
  readonly service: Service;
  readonly route: Route | undefined;
  readonly revisions: readonly Revision[];
}

/** How a rollout stands, in the words of `-o json`. */
export interface Standing {
  readonly state: "Complete" | "Starting" | "Failed" | NonNullable<Rollout["phase"]>;
  /** Why, for programs and for people. */
  readonly reason: string;
  readonly message: string;
  /** The revision that is rolled out, or was. */
  readonly revision: string | undefined;
  readonly shares: readonly Share[];
  readonly rollout: Rollout | undefined;
}

/** The rollout of the most requests; a Route can have one for each thing that it tracks. */
export function rolloutIn({ route }: Pick<Seen, "route">): Rollout | undefined {
  const total = ({ revisions }: Rollout) => revisions.reduce((sum, it) => sum + it.percent, 0);
  return route?.status?.rollouts?.toSorted((one, other) => total(other) - total(one))[0];
}

export function standingOf({ service, route, revisions }: Seen): Standing {
  const rollout = rolloutIn({ route });
  const { latestCreatedRevisionName: created, latestReadyRevisionName: ready } =
    service.status ?? {};
  const shares = sharesOf({ ...service, status: { ...service.status, ...route?.status } });
  const shared = { shares, rollout, revision: rollout?.revisionName ?? ready };
  if (rollout !== undefined && (created === ready || created === undefined)) {
    const { phase = "Progressing", reason = "Progressing", message = "" } = rollout;
    return { ...shared, state: phase, reason, message };
  }
  const isObserved = service.status?.observedGeneration === service.metadata.generation;
  if (isObserved && created === ready && ready !== undefined) {
    const reason = "Complete";
    return { ...shared, state: "Complete", reason, message: "all requests are where they belong" };
  }
  const latest = revisions.find(({ metadata }) => metadata.name === created);
  const { status, reason, message } = readinessOf(latest?.status);
  const said = { ...shared, revision: created, reason, message };
  return { ...said, state: status === "False" ? "Failed" : "Starting" };
}
