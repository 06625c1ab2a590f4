import { isDeepStrictEqual } from "node:util";
import {
  as,
  type Condition,
  conditionOf,
  failed,
  pending,
  readyFrom,
} from "../../api/condition.ts";
import { CONFIGURATION, type Configuration } from "../../api/configuration.ts";
import { type Draft, isControlledBy, isGoing, type Resource } from "../../api/meta.ts";
import type { Revision } from "../../api/revision.ts";
import { ROLLOUT_HEALTHY, SENT_BACK_BY_HAND } from "../../api/rollout.ts";
import { ROUTE, type Route } from "../../api/route.ts";
import { SERVICE, type Service, type ServiceStatus } from "../../api/service.ts";
import type { Client, Lister } from "../../client/client.ts";
import type { Controller, Reconciled } from "../../control/controller.ts";
import { isLeftOver } from "../../control/left_over.ts";
import type { Recorder } from "../../control/recorder.ts";
import { configurationFor, routeFor } from "./desired.ts";
import { isMigrated } from "./migrated.ts";

export interface ServiceDeps {
  readonly client: Client;
  readonly configurations: Lister<Configuration>;
  readonly routes: Lister<Route>;
  readonly revisions: Lister<Revision>;
  readonly recorder: Recorder;
}

/** Keeps a Configuration and a Route of the same name, and says of both how they are. */
export function serviceController(deps: ServiceDeps): Controller<Service> {
  return { kind: SERVICE, owns: [CONFIGURATION, ROUTE], reconcile };

  async function reconcile(service: Service, signal: AbortSignal): Promise<Reconciled<Service>> {
    const { configurations, routes } = deps;
    const wanted = configurationFor(service);
    const before = configurations.get(service.metadata);
    const configuration = await keep(deps, { service, wanted, before, signal });
    const made = configurationStatus(service, configuration);
    const stopped = whyRouteStays(service, { configuration, deps });
    if (stopped !== undefined) {
      const { conditions: _, ...last } = service.status ?? {};
      return { status: { ...last, ...made.names, ...conditions(made.condition, stopped) } };
    }
    const route = await keep(deps, {
      service,
      wanted: routeFor(service),
      before: routes.get(service.metadata),
      signal,
    });
    return { status: { ...made.names, ...routeStatus(service, { route, configuration, made }) } };
  }
}

interface Place {
  readonly configuration: Configuration;
  readonly deps: ServiceDeps;
}

/** Why the Route is not made or changed yet: what it would send requests to is not settled. */
function whyRouteStays(service: Service, { configuration, deps }: Place): Condition | undefined {
  if (!isControlledBy(configuration, service)) return outOfDate("Route", "RoutesReady");
  const name = service.spec.template?.metadata?.name;
  if (name === undefined) return undefined;
  // The Revision that traffic may name must be made first, or else be found to be another's.
  if (!isUpToDate(configuration)) return outOfDate("Route", "RoutesReady");
  const found = deps.revisions.get({ namespace: service.metadata.namespace, name });
  if (found === undefined || isGoing(found) || isOurs(found, configuration)) return undefined;
  const message =
    `The revision name "${name}" is taken by a conflicting Revision, ` +
    "so traffic will not be migrated";
  return failed("RevisionNameTaken", message, "RoutesReady");
}

function isOurs(revision: Revision, configuration: Configuration): boolean {
  const isSame = isDeepStrictEqual(revision.spec, configuration.spec.template?.spec);
  return isSame && isControlledBy(revision, configuration);
}

interface Keeping<R extends Resource> {
  readonly service: Service;
  readonly wanted: Draft<R>;
  readonly before: R | undefined;
  readonly signal: AbortSignal;
}

/** Makes the child, or sets it right; leaves it alone when it belongs to another. */
async function keep<R extends Resource>(deps: ServiceDeps, keeping: Keeping<R>): Promise<R> {
  const { service, wanted, before, signal } = keeping;
  const { client, recorder } = deps;
  if (before === undefined) {
    const made = await client.create<R>(wanted, { signal });
    const message = `Created ${made.kind} "${made.metadata.name}"`;
    recorder.record(service, { type: "Normal", reason: "Created", message });
    return made;
  }
  if (!isControlledBy(before, service)) return before;
  const { labels, annotations } = wanted.metadata;
  const isSame =
    isDeepStrictEqual(before.spec, wanted.spec) &&
    isDeepStrictEqual(before.metadata.labels, labels) &&
    isDeepStrictEqual(before.metadata.annotations, annotations);
  if (isSame) return before;
  const { labels: _, annotations: __, ...metadata } = before.metadata;
  const next = { ...metadata, ...(labels && { labels }), ...(annotations && { annotations }) };
  return await client.put<R>({ ...before, metadata: next, spec: wanted.spec }, { signal });
}

interface Made {
  readonly names: Pick<ServiceStatus, "latestCreatedRevisionName" | "latestReadyRevisionName">;
  readonly condition: Condition;
}

function configurationStatus(service: Service, configuration: Configuration): Made {
  const type = "ConfigurationsReady";
  if (!isControlledBy(configuration, service)) {
    return { names: {}, condition: notOwned(configuration, service, type) };
  }
  const { status = {} } = configuration;
  const { latestCreatedRevisionName: created, latestReadyRevisionName: ready } = status;
  const names = {
    ...(created !== undefined && { latestCreatedRevisionName: created }),
    ...(ready !== undefined && { latestReadyRevisionName: ready }),
  };
  if (!isUpToDate(configuration)) return { names, condition: outOfDate("Configuration", type) };
  const condition = conditionOf(status, "Ready") ?? pending("", "");
  return { names, condition: as(type, condition) };
}

interface Both {
  readonly route: Route;
  readonly configuration: Configuration;
  readonly made: Made;
}

function routeStatus(service: Service, { route, configuration, made }: Both): ServiceStatus {
  if (!isControlledBy(route, service)) {
    return conditions(made.condition, notOwned(route, service, "RoutesReady"));
  }
  const { url, address, traffic } = route.status ?? {};
  return {
    ...(url !== undefined && { url }),
    ...(address !== undefined && { address }),
    ...(traffic !== undefined && { traffic }),
    ...conditions(made.condition, routesReady(service, { route, configuration, made })),
  };
}

function routesReady(service: Service, { route, configuration }: Both): Condition {
  if (!isUpToDate(route)) return outOfDate("Route", "RoutesReady");
  const ready = as("RoutesReady", conditionOf(route.status, "Ready") ?? pending("", ""));
  const healthy = conditionOf(route.status, ROLLOUT_HEALTHY);
  const isSentBack = healthy?.status === "False" && healthy.reason !== SENT_BACK_BY_HAND;
  // It serves, and not what was asked for: its owner must act, unless it was its owner who did.
  if (isSentBack && ready.status === "True") {
    const said = `${healthy.reason}: ${healthy.message ?? ""}`;
    return failed("RolloutAborted", said, "RoutesReady");
  }
  if (ready.status !== "True" || isMigrated(service, { route, configuration })) return ready;
  const message = "Traffic is not yet migrated to the latest revision.";
  return pending("TrafficNotMigrated", message, "RoutesReady");
}

function conditions(configurationsReady: Condition, routesReady: Condition) {
  const parts = [configurationsReady, routesReady];
  return { conditions: [...parts, readyFrom(parts)] };
}

function notOwned(existing: Resource, service: Service, type: string): Condition {
  const { kind, metadata } = existing;
  if (isLeftOver(existing, service)) {
    const message = `The ${kind} "${metadata.name}" of before is still being deleted.`;
    return pending("Terminating", message, type);
  }
  const message = `There is an existing ${kind} "${metadata.name}" that we do not own.`;
  return failed("NotOwned", message, type);
}

function outOfDate(kind: string, type: string): Condition {
  const message = `The ${kind} is still working to reflect the latest desired specification.`;
  return pending("OutOfDate", message, type);
}

function isUpToDate({ metadata, status }: Resource): boolean {
  return status?.observedGeneration === metadata.generation;
}
