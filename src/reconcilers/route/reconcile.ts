import { type Condition, failed, ok, pending, readyFrom } from "../../api/condition.ts";
import { CONFIGURATION } from "../../api/configuration.ts";
import { isReason } from "../../api/error.ts";
import { LABEL } from "../../api/labels.ts";
import { type ObjectKey, pathOf } from "../../api/meta.ts";
import { REVISION } from "../../api/revision.ts";
import { ROUTE, type Route } from "../../api/route.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import type { Controller, Reconciled } from "../../control/controller.ts";
import { CLEARED } from "../../control/finalizer.ts";
import type { References } from "../../control/references.ts";
import type { Gateway } from "../../gateway/route_table.ts";
import {
  type Addressing,
  insideUrlOf,
  labelsOf,
  routeSpecFor,
  trafficStatus,
  urlOf,
} from "./desired.ts";
import { keyIn } from "./references.ts";
import { type Listers, resolveTargets } from "./targets.ts";

export interface RouteDeps extends Listers {
  readonly gateway: Gateway;
  readonly addressing: () => Addressing;
  /** Who routes to "Configuration/…" and "Revision/…". */
  readonly references: References<Route>;
}

/** How soon a gateway that did not follow is asked again. */
const AGAIN_MS = 500;

/** Resolves the targets of a Route, and has the gateway serve them before it says that it does. */
export function routeController(deps: RouteDeps): Controller<Route> {
  const { gateway, references } = deps;
  const referrers = (kind: string, key: ObjectKey) => references.to(`${kind}/${pathOf(key)}`);
  return {
    kind: ROUTE,
    owns: [],
    watches: [
      { kind: CONFIGURATION, wakes: ({ metadata }) => referrers("Configuration", metadata) },
      {
        kind: REVISION,
        wakes({ metadata }) {
          const { namespace, labels = {} } = metadata;
          const maker = { namespace, name: labels[LABEL.configuration] ?? "" };
          return [...referrers("Revision", metadata), ...referrers("Configuration", maker)];
        },
      },
    ],
    reconcile: (route) => reconcile(route, deps),
    // A host that becomes free is for whoever wants it.
    sources: [
      (wake) =>
        references.watch((target) => {
          if (!target.startsWith("Host/")) return;
          for (const key of references.to(`Claim/${pathOf(keyIn(target))}`)) wake(key);
        }),
    ],
    async finalize(route) {
      await gateway.deleteRoute(pathOf(route.metadata));
      return CLEARED;
    },
  };
}

async function reconcile(route: Route, deps: RouteDeps): Promise<Reconciled<Route>> {
  const addressing = deps.addressing();
  const { targets, condition: assigned } = resolveTargets(route, deps);
  const named = targets.map(({ target, revision }) => {
    return { target, revisionName: revision.metadata.name };
  });
  const wanted = assigned.status === "True" ? trafficStatus(route, named, addressing) : undefined;
  const taken = wanted && hostTaken(route, wanted, deps);
  // What is wrong with one target moves nothing: requests go where they went (ERR-3, §4.8).
  const last = route.status?.traffic;
  const traffic = taken === undefined ? (wanted ?? last) : last;
  const address = {
    url: urlOf(route, addressing),
    address: { url: insideUrlOf(route, addressing) },
  };
  const programmed =
    traffic === undefined
      ? pending("IngressNotConfigured", "Ingress has not yet been reconciled.", INGRESS)
      : await program(route, { traffic, assigned, addressing, gateway: deps.gateway });
  const ingress = taken ?? programmed;
  // Until every worker has confirmed the new table, the old one may still be answering.
  const served = programmed.status === "True" ? traffic : last;
  const isSlow = traffic !== undefined && programmed.status !== "True";
  return {
    status: {
      ...address,
      ...(served !== undefined && { traffic: served }),
      ...conditionsFrom(assigned, ingress),
    },
    ...(isSlow && { requeueAfterMs: AGAIN_MS }),
  };
}

const INGRESS = "IngressReady";

/** Whether another Route has one of the hosts: first come, first served, also over a restart. */
function hostTaken(
  route: Route,
  traffic: readonly TrafficTarget[],
  { references }: RouteDeps,
): Condition | undefined {
  const { namespace } = route.metadata;
  const own = pathOf(route.metadata);
  for (const label of labelsOf(route.metadata, traffic)) {
    const path = pathOf({ namespace, name: label });
    const owners = references.to(`Host/${path}`).map(pathOf);
    const [owner] = owners;
    if (owner === undefined || owners.includes(own)) continue;
    const way = "choose another tag or another name for one of the two";
    const message = `The host "${label}.${namespace}" belongs to Route "${owner}": ${way}`;
    return failed("HostTaken", message, INGRESS);
  }
  return undefined;
}

interface Programming {
  readonly traffic: readonly TrafficTarget[];
  readonly assigned: Condition;
  readonly addressing: Addressing;
  readonly gateway: Gateway;
}

/** IngressReady: whether every worker of the gateway serves the Route like this. */
async function program(route: Route, programming: Programming): Promise<Condition> {
  const { traffic, assigned, addressing, gateway } = programming;
  try {
    await gateway.putRoute(routeSpecFor(route, traffic, addressing));
    return ok(INGRESS);
  } catch (thrown) {
    if (isReason(thrown, "AlreadyExists")) return failed("HostTaken", thrown.message, INGRESS);
    // Requests went to a Revision that is gone, and there is nowhere else for them to go.
    const isOver = isReason(thrown, "NotFound") && assigned.status !== "True";
    if (isOver || isReason(thrown, "ServiceUnavailable"))
      return pending("Uninitialized", thrown.message, INGRESS);
    throw thrown;
  }
}

function conditionsFrom(assigned: Condition, ingress: Condition) {
  const message = "TLS is not set up for this domain.";
  const certificate = { ...ok("CertificateProvisioned"), reason: "TLSNotEnabled", message };
  const parts = [assigned, certificate, ingress];
  return { conditions: [...parts, readyFrom(parts)] };
}
