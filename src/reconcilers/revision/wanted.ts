import { conditionOf } from "../../api/condition.ts";
import type { Configuration } from "../../api/configuration.ts";
import { LABEL } from "../../api/labels.ts";
import { type ObjectKey, pathOf } from "../../api/meta.ts";
import type { Revision } from "../../api/revision.ts";
import type { Route } from "../../api/route.ts";
import type { Lister } from "../../client/client.ts";
import type { References } from "../../control/references.ts";

export interface WantedDeps {
  readonly configurations: Lister<Configuration>;
  /** Who routes to "Configuration/…" and "Revision/…". */
  readonly references: References<Route>;
}

export interface Wanted {
  /** Whether there may be instances of it at all. */
  readonly isNeeded: boolean;
  /** The Routes that name it, that send it requests, or that shall. */
  readonly routes: readonly ObjectKey[];
  /** It is the newest of its Configuration. */
  readonly isLatest: boolean;
}

/** Once it is known that it will not be ready, nobody tries any more but for a Route. */
export const DEADLINE_EXCEEDED = "ProgressDeadlineExceeded";

/**
 * Whether a Revision may have instances now. One that is routed may; a new one gets them to show
 * that it works; one that nobody asks for has none (spec/elafros §1 S-11).
 */
export function wantedOf(revision: Revision, deps: WantedDeps): Wanted {
  const { metadata, status } = revision;
  const { namespace, name, labels = {} } = metadata;
  const maker = labels[LABEL.configuration] ?? "";
  const configuration = deps.configurations.get({ namespace, name: maker });
  const { latestCreatedRevisionName: created, latestReadyRevisionName: ready } =
    configuration?.status ?? {};
  const generation = labels[LABEL.configurationGeneration];
  // It may be looked at before the Configuration has said that it made it.
  const isJustMade = generation === String(configuration?.metadata.generation);
  const isLatest = created === name || isJustMade;
  const tracking = deps.references.to(`Configuration/${pathOf({ namespace, name: maker })}`);
  const named = deps.references.to(`Revision/${pathOf(metadata)}`);
  const routes = [...named, ...(ready === name ? tracking : [])];
  const isRouted = routes.length > 0 || (isLatest && tracking.length > 0);
  const wanted = { routes, isLatest };
  const isReady = conditionOf(status, "Ready")?.status === "True";
  const isHopeless = conditionOf(status, "ResourcesAvailable")?.reason === DEADLINE_EXCEEDED;
  if (isHopeless && routes.length === 0) return { ...wanted, isNeeded: false };
  // Between becoming ready and being found to be, a new one is routed already: it must not stop.
  return { ...wanted, isNeeded: isRouted || (isLatest && !isReady) };
}
