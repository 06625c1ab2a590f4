import { ApiError, conflict, invalid, notFound } from "../api/error.ts";
import { groupOf } from "../api/group.ts";
import { type Kind, keyIn, parse } from "../api/kind.ts";
import {
  type Draft,
  type DraftMeta,
  type ManagedFieldsEntry,
  type ObjectKey,
  pathOf,
  type Resource,
} from "../api/meta.ts";
import type { Clock } from "../base/clock.ts";
import { admit, checkMay, type WriteRequest } from "./admit.ts";
import type { ServerContext } from "./context.ts";
import { inTurn } from "./in_turn.ts";
import { afterUpdate, changesOf, entriesFrom } from "./managed_fields.ts";
import { isFinalized, replaced, withOwners } from "./replaced.ts";
import { writerOf } from "./writer.ts";

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
  const { draft, unknown, managedFields } = parse(kind, body);
  checkPlace(draft.metadata, keyIn(kind, key));
  const attempt = async (): Promise<R> => {
    const stored = store.get(kind, key);
    if (stored === undefined) throw notFound(kind, key.name);
    checkVersion({ kind, stored, sent: draft.metadata });
    return await replace(context, { ...options, stored, draft, unknown, managedFields });
  };
  // Who names no version means to win over whoever writes at the same time.
  const { resourceVersion = "" } = draft.metadata;
  return resourceVersion === "" ? await inTurn({ store, kind, key }, attempt) : await attempt();
}

interface Replacing<R extends Resource> extends WriteRequest {
  readonly kind: Kind<R>;
  readonly stored: R;
  readonly draft: Draft<R>;
  readonly unknown: readonly string[];
  /** Who owns which field, as the caller has it. */
  readonly managedFields?: readonly ManagedFieldsEntry[] | undefined;
  /** Through which of its parts it is written, when it is not the whole. */
  readonly subresource?: string;
  /** Who owns which field then; whoever writes has what it changes when left out. */
  readonly owners?: (next: R) => readonly ManagedFieldsEntry[];
}

/** Stores `draft` in the place of `stored`, once it is found to be valid. */
export async function replace<R extends Resource>(
  context: ServerContext,
  replacing: Replacing<R>,
): Promise<R> {
  const { store, clock } = context;
  const {
    kind,
    stored,
    draft,
    isDryRun = false,
    owners = ownersAfter(replacing, clock),
  } = replacing;
  const { name, namespace } = stored.metadata;
  const placed = { ...draft.metadata, name, ...(namespace !== undefined && { namespace }) };
  const admitted = admit<R>({ ...draft, metadata: placed }, { ...replacing, context });
  // Saying the same again is no change: appliers may loop without waking every watcher.
  const changed = replaced(kind, stored, admitted);
  const next = withOwners(changed, owners(changed));
  if (next === stored || isDryRun) return next;
  // What was deleted goes for good when its last finalizer does.
  const expected = stored.metadata.resourceVersion;
  if (!isFinalized(next)) return await store.put(next, { expected });
  return await store.delete(next, { expected });
}

function ownersAfter<R extends Resource>(
  { stored, managedFields, subresource, ...by }: Replacing<R>,
  clock: Clock,
) {
  const writer = writerOf(by, { operation: "Update", subresource, now: clock.timestamp() });
  return (next: R) => {
    const entries = entriesFrom(managedFields, stored.metadata.managedFields);
    return afterUpdate(entries, changesOf({ before: stored, after: next }, writer), writer);
  };
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
