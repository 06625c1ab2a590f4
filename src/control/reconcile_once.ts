import { isDeepStrictEqual } from "node:util";
import { type Condition, conditionOf, type ResourceStatus } from "../api/condition.ts";
import { isGoing, type Resource } from "../api/meta.ts";
import type { Clock } from "../base/clock.ts";
import type { Client } from "../client/client.ts";
import type { Controller } from "./controller.ts";
import { finalizeGoing, keepFinalizer } from "./finalizer.ts";
import type { Recorder } from "./recorder.ts";

export interface Pass<R extends Resource> {
  readonly controller: Controller<R>;
  readonly resource: R;
  readonly client: Client;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

/** One look at one resource. Production loops over this; tests step through it. */
export async function reconcileOnce<R extends Resource>(pass: Pass<R>): Promise<number> {
  const { controller, client, recorder, signal } = pass;
  const kept = await keepFinalizer(pass.resource, { controller, client, signal });
  if (isGoing(kept)) {
    const finalized = await finalizeGoing(kept, { controller, client, signal });
    const { againAfterMs, status: said } = finalized;
    if (said !== undefined) await say(kept, said, pass);
    return againAfterMs;
  }
  const { status, requeueAfterMs = 0, written } = await controller.reconcile(kept, signal);
  const resource = written ?? kept;
  const next = await say(resource, status, pass);
  if (next !== resource && controller.isQuiet !== true) {
    tellReady(next, { before: conditionOf(resource.status, "Ready"), recorder });
  }
  return requeueAfterMs;
}

/** Writes a status if it is news. Answers with the resource as it is then. */
async function say<R extends Resource>(
  resource: R,
  status: NonNullable<R["status"]>,
  { controller, client, clock, signal }: Pass<R>,
): Promise<R> {
  if (!controller.kind.hasStatus) return resource;
  const next: R = { ...resource, status: stamped(status, resource, clock) };
  if (isDeepStrictEqual(next.status, resource.status)) return resource;
  return await client.putStatus<R>(next, { signal });
}

/** Adds what every status must tell: which generation it speaks of, and since when it holds. */
function stamped(status: ResourceStatus, { metadata, status: last }: Resource, clock: Clock) {
  const conditions = (status.conditions ?? []).map((condition) => {
    const before = conditionOf(last, condition.type);
    const isSame = before?.status === condition.status;
    const since = isSame ? before.lastTransitionTime : undefined;
    return { ...condition, lastTransitionTime: since ?? clock.timestamp() };
  });
  return { ...status, observedGeneration: metadata.generation, conditions };
}

interface Telling {
  readonly before: Condition | undefined;
  readonly recorder: Recorder;
}

/** What a person would want to find in `kubectl describe`: when it became ready, or failed. */
function tellReady(resource: Resource, { before, recorder }: Telling): void {
  const now = conditionOf(resource.status, "Ready");
  if (now === undefined || now.status === "Unknown") return;
  if (before?.status === now.status && before.reason === now.reason) return;
  if (now.status === "True") {
    recorder.record(resource, { type: "Normal", reason: "Ready", message: "Ready" });
    return;
  }
  const { reason = "Failed", message = "" } = now;
  recorder.record(resource, { type: "Warning", reason, message });
}
