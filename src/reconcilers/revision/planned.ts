import { conditionOf } from "../../api/condition.ts";
import { servingContainer } from "../../api/container.ts";
import { readDurationMs } from "../../api/duration.ts";
import { ANNOTATION, LABEL } from "../../api/labels.ts";
import { isGoing, pathOf } from "../../api/meta.ts";
import { readQuantity } from "../../api/quantity.ts";
import type { Revision } from "../../api/revision.ts";
import type { Floor } from "../../scaling/floors.ts";
import { bounded, type ScalingSettings, settingsOf } from "../../scaling/settings.ts";
import type { Facts } from "./autoscaler.ts";
import { isBuildPod } from "./build_pod.ts";
import type { RevisionParts } from "./deps.ts";
import type { Wanted } from "./wanted.ts";

/** What a Revision should have, and what that goes by. */
export interface Planned {
  readonly floor: Floor;
  /** How many instances there should be; on the floor `frozen`, one that is frozen. */
  readonly replicas: number;
  /** It has not shown yet that it works: so many have to be ready before it has. */
  readonly isNew: boolean;
  /** It could not be started again, and nobody asks for it any more. */
  readonly isGivenUp: boolean;
}

const DEADLINE_MS = 600_000;
/** Who was ready once is given a little longer (spec/elafros §12.2). */
const ACTIVATION_MS = 30_000;

/**
 * What a Revision should have now. A new one has its initial scale until that was reached; then the
 * autoscaler decides, as long as a Route leads to it (spec/elafros §4.12, §12).
 */
export function planOf(revision: Revision, wanted: Wanted, parts: RevisionParts): Planned {
  const { autoscaler } = parts;
  const settings = settingsFor(revision, parts);
  const isNew = !wasReady(revision, parts);
  if (!wanted.isNeeded) autoscaler.forget(revision.metadata);
  if (!wanted.isNeeded) return { floor: "stopped", replicas: 0, isNew, isGivenUp: false };
  if (isNew && settings.initialScale > 0) {
    const replicas = bounded(settings.initialScale, settings);
    return { floor: "awake", replicas, isNew, isGivenUp: false };
  }
  const plan = autoscaler.plan(revision.metadata, factsOf(revision, settings, parts));
  // To be ready without having been started once is what an initial scale of 0 asks for.
  return { ...plan, isNew: false };
}

/** How long it may take until it is ready for the first time. */
export function deadlineMsOf({ metadata }: Revision): number {
  return readDurationMs(metadata.annotations?.[ANNOTATION.progressDeadline] ?? "") ?? DEADLINE_MS;
}

/** Only what was ready once is ever sent requests. */
export function wasReady({ metadata, status }: Revision, { references }: RevisionParts): boolean {
  const isServing = references.to(`Serving/${pathOf(metadata)}`).length > 0;
  return isServing || conditionOf(status, "Ready")?.status === "True";
}

function settingsFor(revision: Revision, parts: RevisionParts): ScalingSettings {
  const { metadata, spec } = revision;
  const { namespace, annotations, labels = {} } = metadata;
  const name = labels[LABEL.configuration] ?? "";
  const owners = parts.configurations.get({ namespace, name })?.metadata.annotations;
  const concurrency = spec.containerConcurrency ?? 0;
  const settings = settingsOf({ annotations, owners, concurrency }, parts.globals());
  // While a rollout lasts it may have to serve all within a second: it sleeps, and is not stopped.
  const isStandby = parts.references.to(`Standby/${pathOf(metadata)}`).length > 0;
  return isStandby ? { ...settings, frozenForMs: Infinity } : settings;
}

function factsOf(revision: Revision, settings: ScalingSettings, parts: RevisionParts): Facts {
  const { pods, runtime } = parts;
  const own = pods.controlledBy(revision).filter((pod) => !isBuildPod(pod) && !isGoing(pod));
  const ready = own.filter((pod) => runtime.get(pathOf(pod.metadata))?.phase === "ready");
  return {
    settings,
    present: own.length,
    ready: ready.length,
    isReachable: true,
    isResting: (revision.status?.desiredReplicas ?? settings.initialScale) === 0,
    activationMs: deadlineMsOf(revision) + ACTIVATION_MS,
    cpuMillis: cpuMillisOf(revision),
  };
}

/** What it asked for, or else what it may have, or else a whole core. */
function cpuMillisOf({ spec }: Revision): number {
  const { requests, limits } = servingContainer(spec.containers ?? [])?.resources ?? {};
  const asked = requests?.["cpu"] ?? limits?.["cpu"];
  return asked === undefined ? 1000 : (readQuantity(asked) ?? 1) * 1000;
}
