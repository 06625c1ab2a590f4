import { ApiError, conflict, invalid, notFound } from "../api/error.ts";
import { groupOf } from "../api/group.ts";
import { type Kind, keyIn, parse } from "../api/kind.ts";
import { type Draft, type DraftMeta, type ObjectKey, pathOf, type Resource } from "../api/meta.ts";
import { admit, checkMay, type WriteRequest } from "./admit.ts";
import type { ServerContext } from "./context.ts";
import { isFinalized, replaced } from "./replaced.ts";

export interface PutOptions<R extends Resource> extends WriteRequest {
  readonly kind: Kind<R>;
  /** From the path of the request. */
  readonly key: ObjectKey;
  /** Parsed JSON, from anyone: trust nothing about it. */
  readonly body: unknown;
}

/** `PUT …/{plural}/{name}`: takes what the owner may write, and keeps status and what is ours. */
export async function putResource<R extends Resource>(
  context: ServerContext,
  options: PutOptions<R>,
): Promise<R> {
  const { kind, key, body, caller } = options;
  const { store } = context;
  checkMay("update", { kind, name: key.name, caller });
  const { draft, unknown } = parse(kind, body);
  checkPlace(draft.metadata, keyIn(kind, key));
  const stored = store.get(kind, key);
  if (stored === undefined) throw notFound(kind, key.name);
  checkVersion({ kind, stored, sent: draft.metadata });
  return await replace(context, { ...options, stored, draft, unknown });
}

interface Replacing<R extends Resource> extends WriteRequest {
  readonly kind: Kind<R>;
  readonly stored: R;
  readonly draft: Draft<R>;
  readonly unknown: readonly string[];
}

/** Stores `draft` in the place of `stored`, once it is found to be valid. */
export async function replace<R extends Resource>(
  { store, clock }: ServerContext,
  replacing: Replacing<R>,
): Promise<R> {
  const { kind, stored, draft, isDryRun = false } = replacing;
  const { name, namespace } = stored.metadata;
  const placed = { ...draft.metadata, name, ...(namespace !== undefined && { namespace }) };
  const admitted = admit<R>({ ...draft, metadata: placed }, { ...replacing, clock });
  // Saying the same again is no change: appliers may loop without waking every watcher.
  const next = replaced(kind, stored, admitted);
  if (next === stored || isDryRun) return next;
  // What was deleted goes for good when its last finalizer does.
  const expected = stored.metadata.resourceVersion;
  if (!isFinalized(next)) return await store.put(next, { expected });
  return await store.delete(next, { expected });
}

/** Throws unless the body is about what the path names. */
export function checkPlace(metadata: DraftMeta, key: ObjectKey): void {
  const { name = key.name, namespace = key.namespace } = metadata;
  if (name === key.name && (key.namespace === undefined || namespace === key.namespace)) return;
  const sent = pathOf({ name, namespace });
  const message = `the object is "${sent}" in the body and "${pathOf(key)}" in the path`;
  throw new ApiError("BadRequest", message);
}

/** What is stored under this name now is another resource than the one that is meant. */
export function uidDiffers(wanted: string, uid: string): ApiError {
  const message = `Precondition failed: UID in precondition: ${wanted}, UID in object: ${uid}`;
  return new ApiError("Conflict", message);
}

interface VersionCheck<R extends Resource> {
  readonly kind: Kind<R>;
  readonly stored: R;
  readonly sent: DraftMeta;
}

/** Throws unless the writer has seen what is stored now. */
export function checkVersion<R extends Resource>({ kind, stored, sent }: VersionCheck<R>): void {
  const { name, uid, resourceVersion } = stored.metadata;
  if (sent.uid !== undefined && sent.uid !== uid) {
    throw uidDiffers(sent.uid, uid);
  }
  const { resourceVersion: seen = "" } = sent;
  if (seen === resourceVersion) return;
  if (seen !== "") throw conflict(kind, name);
  // Kubernetes lets only its own kinds be overwritten unseen.
  if (groupOf(kind.apiVersion) === "") return;
  const field = "metadata.resourceVersion";
  const message = 'Invalid value: "": must be specified for an update';
  throw invalid(kind, name, [{ field, message, reason: "FieldValueInvalid" }]);
}
