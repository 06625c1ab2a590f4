import { isDeepStrictEqual } from "node:util";
import { ApiError, notFound } from "../api/error.ts";
import type { Kind } from "../api/kind.ts";
import {
  FOREGROUND_FINALIZER,
  isGoing,
  type ObjectKey,
  type ObjectMeta,
  ORPHAN_FINALIZER,
  type Resource,
} from "../api/meta.ts";
import { NAMESPACE } from "../api/namespace.ts";
import { t } from "../base/schema.ts";
import { read } from "../base/schema_reading.ts";
import { checkMay } from "./admit.ts";
import type { Caller, ServerContext } from "./context.ts";
import { inTurn } from "./in_turn.ts";
import { uidDiffers } from "./put_resource.ts";

const optionsSchema = t.Object({
  apiVersion: t.Optional(t.String()),
  kind: t.Optional(t.String()),
  propagationPolicy: t.Optional(t.OneOf("Background", "Foreground", "Orphan")),
  orphanDependents: t.Optional(t.Boolean()),
  gracePeriodSeconds: t.Optional(t.Integer()),
  dryRun: t.Optional(t.Array(t.String())),
  preconditions: t.Optional(
    t.Object({ uid: t.Optional(t.String()), resourceVersion: t.Optional(t.String()) }),
  ),
});

export interface DeleteRequest<R extends Resource> {
  readonly kind: Kind<R>;
  readonly key: ObjectKey;
  /** `DeleteOptions` as JSON, from anyone; nothing when there was none. */
  readonly body?: unknown;
  readonly caller: Caller;
  readonly isDryRun?: boolean;
}

export interface Deletion<R extends Resource> {
  readonly resource: R;
  /** It has gone. Otherwise it goes when its finalizers have. */
  readonly isDone: boolean;
}

/** `DELETE …/{plural}/{name}`: removes it, or marks it and waits for its finalizers. */
export async function deleteResource<R extends Resource>(
  context: ServerContext,
  request: DeleteRequest<R>,
): Promise<Deletion<R>> {
  const { kind, key, caller } = request;
  const asked = readOptions(request);
  checkMay("delete", { kind, name: key.name, caller });
  return await inTurn({ store: context.store, kind, key }, async () => {
    const stored = context.store.get(kind, key);
    if (stored === undefined) throw notFound(kind, key.name);
    checkPreconditions(stored.metadata, asked.preconditions);
    return await remove(context, { stored, ...asked });
  });
}

type Propagation = "Background" | "Foreground" | "Orphan";

interface Removal<R extends Resource> {
  readonly stored: R;
  /** As it was asked for before, when left out. */
  readonly propagation: Propagation | undefined;
  readonly isDryRun: boolean;
}

async function remove<R extends Resource>(
  { store, clock }: ServerContext,
  { stored, propagation, isDryRun }: Removal<R>,
): Promise<Deletion<R>> {
  const { metadata } = stored;
  const expected = metadata.resourceVersion;
  const finalizers = finalizersFor(metadata, propagation);
  if (finalizers.length === 0) {
    const gone = isDryRun ? stored : await store.delete(stored, { expected });
    return { resource: gone, isDone: true };
  }
  if (isGoing(stored) && isDeepStrictEqual(finalizers, metadata.finalizers)) {
    return { resource: stored, isDone: false };
  }
  const deletionTimestamp = metadata.deletionTimestamp ?? clock.timestamp();
  const marked = { ...metadata, finalizers, deletionTimestamp, deletionGracePeriodSeconds: 0 };
  const going = terminating({ ...stored, metadata: marked });
  const resource = isDryRun ? going : await store.put(going, { expected });
  return { resource, isDone: false };
}

function readOptions({ body, isDryRun = false }: DeleteRequest<Resource>) {
  const { value, problems } = read(optionsSchema, body ?? {});
  const [problem] = problems;
  if (problem !== undefined) {
    throw new ApiError("BadRequest", `DeleteOptions: ${problem.path}: ${problem.message}`);
  }
  const { propagationPolicy, orphanDependents, dryRun = [], preconditions } = value;
  const orphaned = orphanDependents === true ? ("Orphan" as const) : undefined;
  const propagation = propagationPolicy ?? orphaned;
  return { propagation, preconditions, isDryRun: isDryRun || dryRun.includes("All") };
}

interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

function checkPreconditions(metadata: ObjectMeta, wanted: Preconditions = {}): void {
  const { uid, resourceVersion } = metadata;
  if (wanted.uid !== undefined && wanted.uid !== uid) {
    throw uidDiffers(wanted.uid, uid);
  }
  if (wanted.resourceVersion === undefined || wanted.resourceVersion === resourceVersion) return;
  const message =
    `Precondition failed: ResourceVersion in precondition: ${wanted.resourceVersion}, ` +
    `ResourceVersion in object: ${resourceVersion}`;
  throw new ApiError("Conflict", message);
}

function finalizersFor(
  { finalizers = [] }: ObjectMeta,
  propagation: Propagation | undefined,
): readonly string[] {
  if (propagation === undefined) return finalizers;
  const others = finalizers.filter((it) => it !== FOREGROUND_FINALIZER && it !== ORPHAN_FINALIZER);
  if (propagation === "Foreground") return [...others, FOREGROUND_FINALIZER];
  return propagation === "Orphan" ? [...others, ORPHAN_FINALIZER] : others;
}

/** Of a namespace, the phase tells that it is on its way out. */
function terminating<R extends Resource>(resource: R): R {
  if (resource.kind !== NAMESPACE.kind || resource.apiVersion !== NAMESPACE.apiVersion) {
    return resource;
  }
  return { ...resource, status: { ...resource.status, phase: "Terminating" } };
}
