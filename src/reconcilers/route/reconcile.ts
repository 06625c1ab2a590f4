import { type Condition, failed, ok, pending, readyFrom } from "../../api/condition.ts";
import { CONFIGURATION } from "../../api/configuration.ts";
import type { DomainMapping } from "../../api/domain_mapping.ts";
import { isReason } from "../../api/error.ts";
import { LABEL } from "../../api/labels.ts";
import { type ObjectKey, pathOf } from "../../api/meta.ts";
import { REVISION, type Revision } from "../../api/revision.ts";
import type { Rollout } from "../../api/rollout.ts";
import { rolloutStrategyOf } from "../../api/rollout_strategy.ts";
import { ROUTE, type Route } from "../../api/route.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import { TRAFFIC_POLICY } from "../../api/traffic_policy.ts";
import type { Clock } from "../../base/clock.ts";
import type { Lister } from "../../client/client.ts";
import type { Controller, Reconciled } from "../../control/controller.ts";
import { CLEARED } from "../../control/finalizer.ts";
import type { References } from "../../control/references.ts";
import type { Gateway, HttpsSpec } from "../../gateway/route_table.ts";
import {
  type Addressing,
  insideUrlOf,
  labelsOf,
  routeSpecFor,
  shapedSpec,
  trafficStatus,
  urlOf,
} from "./desired.ts";
import { notesOf } from "./notes.ts";
import { hostsByPolicy, isGood, type PolicyListers, type Shaped, shape } from "./policy.ts";
import { progressOf, tellSteps } from "./progress.ts";
import { keyIn } from "./references.ts";
import { hasDomain, rivals } from "./rivals.ts";
import { rolledOut } from "./rollout.ts";
import { secure } from "./secure.ts";
import { judge, type SendBackDeps } from "./send_back.ts";
import { notFollowed } from "./stuck.ts";
import { type Listers, resolveTargets } from "./targets.ts";
import type { RouteTls } from "./tls.ts";
import type { Trials } from "./trials.ts";

export interface RouteDeps extends Listers, PolicyListers, SendBackDeps {
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly addressing: () => Addressing;
  /** Has a Revision started, by its path, that rests and is about to be sent requests. */
  readonly activate: (revision: string) => void;
  /** Nothing where there is no TLS. */
  readonly tls?: RouteTls;
  /** Who routes to "Configuration/…" and "Revision/…". */
  readonly references: References<Route>;
  readonly domains: Lister<DomainMapping>;
  readonly revisions: Lister<Revision>;
  readonly trials: Trials;
  /** Who maps "Route/…". */
  readonly mappings: References<DomainMapping>;
}

/** How often one that rests, or was given up, is asked for. */
const RESTING_MS = 5000;
/** How soon a gateway that did not follow is asked again. */
const AGAIN_MS = 500;

/** Resolves the targets of a Route, and has the gateway serve them before it says that it does. */
export function routeController(deps: RouteDeps): Controller<Route> {
  const { gateway, references, policyReferences } = deps;
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
          return [
            ...referrers("Revision", metadata),
            ...referrers("Configuration", maker),
            // A policy has the name of the Route that it is for.
            ...policyReferences.to(`Revision/${pathOf(metadata)}`),
          ];
        },
      },
      { kind: ROUTE, wakes: ({ metadata }) => policyReferences.to(`Route/${pathOf(metadata)}`) },
      { kind: TRAFFIC_POLICY, wakes: ({ metadata }) => [metadata] },
    ],
    reconcile: (route) => reconcile(route, deps),
    // A host that becomes free is for whoever wants it.
    sources: [
      (wake) => deps.trials.run(wake),
      (wake) =>
        references.watch((target) => {
          if (!target.startsWith("Host/")) return;
          for (const key of references.to(`Claim/${pathOf(keyIn(target))}`)) wake(key);
        }),
      ...(deps.tls === undefined ? [] : [deps.tls.source]),
      (wake) =>
        deps.mappings.watch((target) => {
          if (target.startsWith("Route/")) wake(keyIn(target));
        }),
      rivals(deps),
    ],
    async finalize(route) {
      deps.trials.follow(route.metadata, [], {});
      deps.tls?.release(route.metadata);
      await gateway.deleteRoute(pathOf(route.metadata));
      return CLEARED;
    },
  };
}

async function reconcile(stale: Route, deps: RouteDeps): Promise<Reconciled<Route>> {
  const { gateway, trials } = deps;
  const route = withTrials(stale, trials);
  const plain = deps.addressing();
  const mapped = domainsOf(route, deps);
  const hosts = hostsByPolicy(route, plain.domain, deps);
  const named = [...mapped, ...hosts.filter(isGood).map(({ host }) => host)];
  const { condition: certificate, https, ...reached } = await secure(route, named, deps);
  const addressing = { ...plain, ...reached };
  const nowMs = deps.clock.now();
  const strategy = rolloutStrategyOf(route.metadata.annotations);
  const judged = await judge(route, { gate: strategy.gate, nowMs, deps });
  const get = (key: ObjectKey) => judged.sentBack.get(key.name) ?? deps.revisions.get(key);
  const resolved = resolveTargets(route, { ...deps, revisions: { get } });
  const { targets, condition: assigned, resting, hurried } = resolved;
  for (const { metadata } of [...resting, ...hurried]) deps.activate(pathOf(metadata));
  const resolvedTo = targets.map(({ target, revision, latest }) => ({
    ...{ target, revisionName: revision.metadata.name },
    ...(latest && { latest: { name: latest.metadata.name, notes: notesOf(latest) } }),
  }));
  const isThere = (key: ObjectKey) => deps.revisions.get(key) !== undefined;
  const rolled = rolledOut(route, resolvedTo, { nowMs, isThere, strategy });
  const isAssigned = assigned.status === "True";
  const wanted = isAssigned ? trafficStatus(route, rolled.named, addressing) : undefined;
  const taken = wanted && hostTaken(route, wanted, deps);
  // What is wrong with one target moves nothing: requests go where they went (ERR-3, §4.8).
  const last = route.status?.traffic;
  const traffic = taken === undefined ? (wanted ?? last) : last;
  const address = {
    url: urlOf(route, addressing),
    address: { url: insideUrlOf(route, plain) },
  };
  const shaped = traffic && shape(route, { traffic, hosts }, deps);
  const followed = trials.follow(route.metadata, rolled.rollouts, strategy.gate);
  const parts = { compared: followed.compared, assigned, addressing, mapped, https, gateway };
  const programmed =
    traffic === undefined || shaped === undefined
      ? pending("IngressNotConfigured", "Ingress has not yet been reconciled.", INGRESS)
      : await program(route, { traffic, shaped, nowMs, ...parts });
  const ingress = taken ?? programmed;
  // Until every worker has confirmed the new table, the old one may still be answering.
  const isServed = programmed.status === "True";
  const served = isServed ? traffic : last;
  const isMoved = isServed && traffic === wanted;
  const rollouts = (isMoved ? followed.rollouts : route.status?.rollouts) ?? [];
  if (isMoved) tellSteps(stale, rollouts, deps.recorder);
  const isSlow = traffic !== undefined && !isServed;
  const domains = isServed ? mapped : (route.status?.domains ?? []);
  const restMs = resting.length > 0 ? RESTING_MS : undefined;
  const stepMs = soonest(nextStepMs(rollouts, nowMs), judged.againMs);
  const againMs = isSlow ? AGAIN_MS : (stepMs ?? restMs);
  const notes = isServed ? shaped?.notes : route.status?.annotations;
  return {
    status: {
      ...address,
      ...(notes !== undefined && Object.keys(notes).length > 0 && { annotations: notes }),
      ...(served !== undefined && { traffic: served }),
      ...(domains.length > 0 && { domains }),
      ...(rollouts.length > 0 && { rollouts }),
      ...conditionsFrom([assigned, certificate, ingress], rollouts),
    },
    ...(againMs !== undefined && { requeueAfterMs: againMs }),
  };
}

/** The domains that are mapped to it, and that nobody else has. */
function domainsOf({ metadata }: Route, { mappings, domains }: RouteDeps): readonly string[] {
  const all = mappings.to(`Route/${pathOf(metadata)}`).flatMap((key) => domains.get(key) ?? []);
  return all
    .filter(hasDomain)
    .map((it) => it.metadata.name)
    .toSorted();
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
  readonly shaped: Shaped;
  readonly compared: readonly string[];
  readonly assigned: Condition;
  readonly addressing: Addressing;
  readonly mapped: readonly string[];
  readonly https: HttpsSpec | undefined;
  readonly gateway: Gateway;
  readonly nowMs: number;
}

/** IngressReady: whether every worker of the gateway serves the Route like this. */
async function program(route: Route, programming: Programming): Promise<Condition> {
  const { traffic, shaped, compared, assigned, mapped, https, gateway } = programming;
  try {
    const { domain } = programming.addressing;
    const spec = routeSpecFor(route, traffic, { domain, mapped, https });
    const whole = shapedSpec(spec, shaped, https);
    await gateway.putRoute({ ...whole, ...(compared.length > 0 && { compared }) });
    return ok(INGRESS);
  } catch (thrown) {
    if (isReason(thrown, "AlreadyExists")) return failed("HostTaken", thrown.message, INGRESS);
    // Requests went to a Revision that is gone, and there is nowhere else for them to go.
    const isOver = isReason(thrown, "NotFound") && assigned.status !== "True";
    if (isOver) return pending("Uninitialized", thrown.message, INGRESS);
    if (!isReason(thrown, "ServiceUnavailable")) throw thrown;
    return notFollowed(route, thrown.message, programming.nowMs);
  }
}

function conditionsFrom(parts: readonly Condition[], rollouts: readonly Rollout[]) {
  return { conditions: [...parts, ...rollouts.slice(0, 1).flatMap(progressOf), readyFrom(parts)] };
}

/** With what has been seen of its rollouts by now. */
function withTrials(route: Route, trials: Trials): Route {
  const { status } = route;
  if (status?.rollouts === undefined) return route;
  return {
    ...route,
    status: { ...status, rollouts: trials.seen(route.metadata, status.rollouts) },
  };
}

/** How long until the next step of any of them; never 0, which would be at once and again. */
function nextStepMs(rollouts: readonly Rollout[], nowMs: number): number | undefined {
  const times = rollouts.flatMap(({ nextStepTime }) =>
    nextStepTime === undefined ? [] : [Date.parse(nextStepTime) - nowMs],
  );
  return times.length === 0 ? undefined : Math.max(1, Math.min(...times));
}

function soonest(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}
