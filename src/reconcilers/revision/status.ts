import {
  type Condition,
  conditionOf,
  failed,
  ok,
  pending,
  readyFrom,
} from "../../api/condition.ts";
import { servingContainer } from "../../api/container.ts";
import type { Revision, RevisionStatus } from "../../api/revision.ts";
import type { Instance } from "../../runtime/runtime.ts";
import { healthOf } from "./health.ts";
import type { ImageOutcome } from "./image.ts";
import type { Planned } from "./planned.ts";
import type { Scaled } from "./scale.ts";
import { DEADLINE_EXCEEDED } from "./wanted.ts";

export interface Seen {
  readonly image: ImageOutcome;
  /** Absent while there is no image. */
  readonly scaled?: Scaled;
  readonly planned: Planned;
  /** It was given long enough, and was never ready. */
  readonly isLate: boolean;
  readonly logUrl: string;
  readonly identity?: RevisionStatus["identity"];
}

const HEALTHY = "ContainerHealthy";
const AVAILABLE = "ResourcesAvailable";

/** What to say of a Revision (spec/elafros §4.5; ERR-1, ERR-2, ERR-7 to ERR-14). */
export function statusFrom(revision: Revision, seen: Seen): RevisionStatus {
  const { image, scaled, planned, logUrl } = seen;
  const instances = scaled?.instances ?? [];
  const isAwake = planned.floor === "awake";
  const replicas = isAwake ? planned.replicas : 0;
  const ready = isAwake ? instances.filter(({ phase }) => phase === "ready") : [];
  const frozen = instances.filter(({ phase }) => phase === "frozen");
  const healthy = image.condition ?? health(revision, { instances, planned, replicas });
  const available = resources(revision, { ...seen, healthy, replicas });
  const parts = [healthy, available, ...(image.build === undefined ? [] : [image.build])];
  const { digest, origin } = image;
  return {
    conditions: [
      activity({ replicas, isServing: ready.length > 0 }),
      ...parts,
      ...caveats(instances),
      readyFrom(parts),
    ],
    logUrl,
    ...(digest !== undefined && { containerStatuses: [containerStatus(revision, digest)] }),
    ...(origin !== undefined && { imageSource: { origin } }),
    ...(seen.identity !== undefined && { identity: seen.identity }),
    actualReplicas: ready.length,
    desiredReplicas: replicas,
    ...(revision.status?.coldStart !== undefined && { coldStart: revision.status.coldStart }),
    ...(frozen.length > 0 && { frozenReplicas: frozen.length }),
  };
}

interface Health {
  readonly instances: readonly Instance[];
  readonly planned: Planned;
  readonly replicas: number;
}

function health({ status }: Revision, { instances, planned, replicas }: Health): Condition {
  const last = conditionOf(status, HEALTHY);
  if (replicas === 0) {
    if (last !== undefined && last.status !== "Unknown") return last;
    // It was not to be started before it is asked for.
    if (planned.floor === "stopped" && !planned.isNew) return ok(HEALTHY);
    return pending("NoTraffic", "It was not needed any more before it was ready.", HEALTHY);
  }
  const now = healthOf(instances);
  const ready = instances.filter(({ phase }) => phase === "ready").length;
  if (planned.isNew && ready > 0 && ready < replicas) {
    return pending("Deploying", `${ready} of ${replicas} instances are ready`, HEALTHY);
  }
  // It worked before; being started again says nothing against it.
  const wasReady = conditionOf(status, "Ready")?.status === "True";
  return now.status === "Unknown" && wasReady ? ok(HEALTHY) : now;
}

interface Resources extends Seen {
  readonly healthy: Condition;
  readonly replicas: number;
}

function resources(revision: Revision, seen: Resources): Condition {
  const { scaled, healthy, isLate, replicas } = seen;
  const last = conditionOf(revision.status, AVAILABLE);
  if (scaled?.hindrance !== undefined) return scaled.hindrance;
  if (isLate) {
    const message = `Did not pass readiness checks in time: ${healthy.message ?? ""}`;
    return failed(DEADLINE_EXCEEDED, message, AVAILABLE);
  }
  if (replicas === 0 && last?.reason === DEADLINE_EXCEEDED) return last;
  if (healthy.status === "True") return ok(AVAILABLE);
  // What was found to be hopeless stays so until it shows that it is not.
  if (last?.reason === DEADLINE_EXCEEDED) return last;
  if (replicas === 0 && last !== undefined) return last;
  const { reason = "Deploying", message = "" } = healthy;
  if (healthy.status === "Unknown") return pending(reason, message, AVAILABLE);
  return scaled === undefined ? pending("", "", AVAILABLE) : ok(AVAILABLE);
}

interface Activity {
  readonly replicas: number;
  readonly isServing: boolean;
}

function activity({ replicas, isServing }: Activity): Condition {
  const severity = "Info";
  if (isServing) return { ...ok("Active"), severity };
  if (replicas === 0) {
    return { ...failed("NoTraffic", "The target is not receiving traffic.", "Active"), severity };
  }
  const message = "Requests to the target are being buffered as resources are provisioned.";
  return { ...pending("Queued", message, "Active"), severity };
}

/** What was asked for and cannot be had on this machine: a warning, and no failure. */
function caveats(instances: readonly Instance[]): readonly Condition[] {
  const said = [...new Set(instances.flatMap((instance) => instance.caveats))];
  if (said.length === 0) return [];
  const message = said.join("; ");
  return [{ ...failed("NotEnforced", message, "LimitsEnforced"), severity: "Warning" }];
}

function containerStatus({ spec }: Revision, digest: string) {
  const { name = "user-container", image = "" } = servingContainer(spec.containers ?? []) ?? {};
  const repository = image.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  return { name, imageDigest: `${repository}@${digest}` };
}
