import { BUILD } from "../../api/build.ts";
import { conditionOf } from "../../api/condition.ts";
import { CONFIG_MAP } from "../../api/config_map.ts";
import { CONFIGURATION, type Configuration } from "../../api/configuration.ts";
import { LABEL } from "../../api/labels.ts";
import { isGoing, type ObjectKey, pathOf, type Resource } from "../../api/meta.ts";
import { POD, type Pod } from "../../api/pod.ts";
import { REVISION, type Revision } from "../../api/revision.ts";
import { SECRET } from "../../api/secret.ts";
import { SERVICE_ACCOUNT } from "../../api/service_account.ts";
import { Background } from "../../control/background.ts";
import type { Controller, Finalized, Reconciled } from "../../control/controller.ts";
import { CLEARED } from "../../control/finalizer.ts";
import type { Digest } from "../../oci/oci.ts";
import { fillsVolume } from "../volumes.ts";
import { keepBuildPod } from "./build_pod.ts";
import { coldStartOf } from "./cold_start.ts";
import type { RevisionDeps, RevisionParts } from "./deps.ts";
import { buildOf, imageOf } from "./image.ts";
import { backendFor } from "./instances.ts";
import { deadlineMsOf, type Planned, planOf } from "./planned.ts";
import { freezeIdle } from "./rest.ts";
import { keepRoutingState } from "./routing_state.ts";
import { endInstances, type Scaled, scale } from "./scale.ts";
import { keepSnapshots, toldIdentity } from "./snapshots.ts";
import { sourcesOf } from "./sources.ts";
import { statusFrom } from "./status.ts";
import { renewTokens, usesAccount } from "./tokens.ts";
import { wantedOf } from "./wanted.ts";

/** How soon one looks again whether the instances of a deleted Revision have ended. */
const GONE_MS = 1000;
/** Between tries to get an image. */
const PULL_AGAIN = { firstMs: 10_000, mostMs: 300_000 };
/** Between tries to renew the token of an instance. */
const RENEW_AGAIN = { firstMs: 1000, mostMs: 60_000 };
/** Between tries to end an instance. */
const END_AGAIN = { firstMs: 1000, mostMs: 60_000 };

/** Gets the image of a Revision, and runs as many instances of it as it should have. */
export function revisionController(deps: RevisionDeps): Controller<Revision> {
  const { clock, chance } = deps;
  const parts: RevisionParts = {
    ...deps,
    pulls: new Background<Digest>({ clock, chance, again: PULL_AGAIN }),
    retiring: new Background<void>({ clock, chance, again: END_AGAIN, isForgetful: true }),
    renewing: new Background<void>({ clock, chance, again: RENEW_AGAIN, isForgetful: true }),
    freezing: new Background<void>({ clock, chance, again: END_AGAIN, isForgetful: true }),
  };
  return {
    kind: REVISION,
    owns: [POD, SECRET, CONFIG_MAP],
    watches: [
      { kind: CONFIGURATION, wakes: (changed) => concerned(changed as Configuration, parts) },
      { kind: SECRET, wakes: (changed) => usersOf("secretRef", changed, parts) },
      { kind: CONFIG_MAP, wakes: (changed) => usersOf("configMapRef", changed, parts) },
      { kind: SERVICE_ACCOUNT, wakes: ({ metadata }) => actingAs(metadata, parts) },
      { kind: BUILD, wakes: ({ metadata }) => awaiting(metadata, parts) },
    ],
    sources: sourcesOf(parts),
    reconcile: (revision, signal) => reconcile(revision, parts, signal),
    finalize: (revision) => finalize(revision, parts),
  };
}

async function reconcile(
  stale: Revision,
  parts: RevisionParts,
  signal: AbortSignal,
): Promise<Reconciled<Revision>> {
  const wanted = wantedOf(stale, parts);
  const revision = await keepRoutingState(stale, wanted, parts.client);
  const image = await imageOf(revision, parts);
  await keepBuildPod(revision, image, parts);
  tellBuilt(revision, image.build?.status, parts);
  const planned = planOf(revision, wanted, parts);
  const { digest } = image;
  const snapshots = await keepSnapshots(revision, parts);
  const logUrl = parts.logUrl(revision.metadata);
  const told = toldIdentity(revision, snapshots, digest);
  const seen = { image, planned, isLate: false, logUrl, ...told };
  if (digest === undefined) {
    const { againAfterMs = 0 } = image;
    const status = statusFrom(revision, seen);
    return { status, requeueAfterMs: againAfterMs, written: revision };
  }
  const { replicas, isGivenUp } = planned;
  const isAwake = planned.floor === "awake";
  const { configMaps, secrets, lost = [] } = snapshots;
  const made = { ...parts, configMaps, secrets };
  const scaling = { image: digest, replicas, isAwake, lost, parts: made, signal };
  const scaled = await scale(revision, scaling);
  const leftMs = deadlineLeftMs(revision, { planned, scaled, parts });
  const isLate = isGivenUp || (leftMs !== undefined && leftMs <= 0);
  const status = statusFrom(revision, { ...seen, scaled, isLate });
  const ready = isAwake ? scaled.instances.filter(({ phase }) => phase === "ready") : [];
  // Who switches traffic goes by the status: it has to say so before the last instance is taken
  // out. Writing it wakes us again.
  const isSaid = conditionOf(revision.status, "Active")?.status !== "True";
  if (ready.length === 0 && !isSaid) return { status, written: revision };
  const why = conditionOf(status, "Ready")?.message ?? "";
  const isFrozen = planned.floor === "frozen";
  const frozen = isFrozen ? scaled.instances.filter(({ phase }) => phase === "frozen") : [];
  await parts.gateway.putBackend(backendFor(revision, { ready, frozen, why }));
  const coldStart = coldStartOf(revision, { planned, serving: ready }, parts);
  freezeIdle(revision, scaled.instances, parts);
  // Who was told to go since we looked is in the gateway's table yet: the next look is for those.
  const kept = new Set(scaled.instances.map(({ spec }) => spec.name));
  const going = parts.pods.controlledBy(revision).filter(isGoing).map(nameOf);
  const endMs = endInstances(
    revision,
    going.filter((name) => !kept.has(name)),
    parts,
  );
  const renewMs = renewTokens(revision, parts);
  const waits = [leftMs ?? 0, scaled.againAfterMs ?? 0, endMs, renewMs].filter((ms) => ms > 0);
  const requeueAfterMs = waits.length === 0 ? 0 : Math.min(...waits);
  const all = { ...status, ...(coldStart !== undefined && { coldStart }) };
  return { status: all, requeueAfterMs, written: revision };
}

function nameOf({ metadata }: Resource): string {
  return pathOf(metadata);
}

interface Trying {
  readonly planned: Planned;
  readonly scaled: Scaled;
  readonly parts: RevisionParts;
}

/** How long it may still take to become ready; nothing when it has been, or nobody waits. */
function deadlineLeftMs(revision: Revision, trying: Trying): number | undefined {
  const { planned, scaled, parts } = trying;
  const { replicas, isNew } = planned;
  const ready = scaled.instances.filter(({ phase }) => phase === "ready");
  if (ready.length >= replicas || !isNew || scaled.sinceMs === undefined) return undefined;
  return scaled.sinceMs + deadlineMsOf(revision) - parts.clock.now();
}

function tellBuilt(
  revision: Revision,
  build: string | undefined,
  { recorder }: RevisionParts,
): void {
  if (build !== "True" || conditionOf(revision.status, "BuildSucceeded")?.status === "True") return;
  recorder.record(revision, { type: "Normal", reason: "Built", message: "Built the image" });
}

/** Takes the Revision off the gateway, ends its instances and forgets its build. */
async function finalize(revision: Revision, parts: RevisionParts): Promise<Finalized<Revision>> {
  const { runtime, gateway, builder, client } = parts;
  const id = pathOf(revision.metadata);
  await gateway.deleteBackend(id);
  parts.autoscaler.forget(revision.metadata);
  const pods = podsOf(revision, parts);
  await Promise.all(pods.filter((pod) => !isGoing(pod)).map((pod) => client.delete(pod)));
  const names = pods.map(nameOf);
  endInstances(revision, names, parts);
  renewTokens(revision, parts);
  if (names.some((name) => runtime.get(name) !== undefined)) return { againAfterMs: GONE_MS };
  await builder.forget(id);
  await runtime.dropLogs(id);
  parts.pulls.forget(id);
  return CLEARED;
}

/** Its Pods, also those that have been told to forget whose they are. */
function podsOf({ metadata }: Revision, { pods }: RevisionParts): readonly Pod[] {
  const all = pods.list(metadata.namespace);
  return all.filter(({ metadata: { labels } }) => labels?.[LABEL.revisionUid] === metadata.uid);
}

/** The newest Revisions, and those older ones that a newer one relieves of their duties. */
function concerned(configuration: Configuration, parts: RevisionParts): readonly ObjectKey[] {
  const { metadata, status } = configuration;
  const { namespace } = metadata;
  const names = [status?.latestCreatedRevisionName, status?.latestReadyRevisionName];
  const latest = names.flatMap((name) => (name === undefined ? [] : [{ namespace, name }]));
  const busy = parts.revisions.controlledBy(configuration).filter((it) => !isAtRest(it));
  return [...latest, ...busy.map((it) => it.metadata)];
}

function isAtRest({ metadata, status }: Revision): boolean {
  return metadata.labels?.[LABEL.routingState] === "reserve" && status?.desiredReplicas === 0;
}

/** The Revisions whose instances have tokens of this ServiceAccount. */
function actingAs({ namespace, name }: ObjectKey, { revisions }: RevisionParts) {
  const all = revisions.list(namespace).filter((revision) => usesAccount(revision, name));
  return all.map(({ metadata }) => metadata);
}

/** The Revisions whose image this Build makes. */
function awaiting({ namespace, name }: ObjectKey, { revisions }: RevisionParts) {
  const all = revisions.list(namespace).filter((revision) => buildOf(revision) === name);
  return all.map(({ metadata }) => metadata);
}

/** The Revisions that refer to this ConfigMap or Secret. */
function usersOf(
  ref: "secretRef" | "configMapRef",
  changed: Resource,
  { revisions }: RevisionParts,
): readonly ObjectKey[] {
  const { namespace, name } = changed.metadata;
  const keyRef = ref === "secretRef" ? "secretKeyRef" : "configMapKeyRef";
  const kind = ref === "secretRef" ? "Secret" : "ConfigMap";
  const users = revisions.list(namespace).filter((revision) => {
    const { containers = [], imagePullSecrets = [] } = revision.spec;
    return (
      fillsVolume(revision, kind, name) ||
      (ref === "secretRef" && imagePullSecrets.some((it) => it.name === name)) ||
      containers.some(
        ({ env = [], envFrom = [] }) =>
          env.some(({ valueFrom }) => valueFrom?.[keyRef]?.name === name) ||
          envFrom.some((it) => it[ref]?.name === name),
      )
    );
  });
  return users.map(({ metadata }) => metadata);
}
