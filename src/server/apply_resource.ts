import { ApiError, conflict, notFound } from "../api/error.ts";
import { type Kind, keyIn, type Parsed, parse, schemaOf } from "../api/kind.ts";
import type { Draft, DraftMeta, ManagedFieldsEntry, ObjectKey, Resource } from "../api/meta.ts";
import { checkMay, type WriteRequest } from "./admit.ts";
import { applyConflict } from "./apply_conflict.ts";
import type { ServerContext } from "./context.ts";
import { createResource } from "./create_resource.ts";
import { checkDistinct, withApplied, withoutFields } from "./field_merge.ts";
import { type FieldSet, minus, shared, union } from "./field_set.ts";
import { inTurn } from "./in_turn.ts";
import {
  afterApply,
  changesOf,
  conflictsWith,
  fieldsOf,
  fieldsOfOthers,
  fieldsSaid,
  ownableOf,
  untracked,
  type Writer,
} from "./managed_fields.ts";
import { isObject } from "./merge_patch.ts";
import { checkPlace, replace, uidDiffers } from "./put_resource.ts";
import { storeStatus } from "./put_status.ts";
import { writerOf } from "./writer.ts";

export interface ApplyOptions<R extends Resource> extends WriteRequest {
  readonly kind: Kind<R>;
  readonly key: ObjectKey;
  /** What the applier wants to be so, as parsed JSON from anyone: trust nothing about it. */
  readonly body: unknown;
  /** Takes over what other managers own and this applier says otherwise. */
  readonly isForced?: boolean;
  /** Of the status, and nothing else. */
  readonly isOfStatus?: boolean;
}

export interface Applied<R extends Resource> {
  readonly resource: R;
  readonly isNew: boolean;
}

/**
 * `PATCH …/{plural}/{name}` with an apply patch, which is Kubernetes' server-side apply: what the
 * applier says is so, what it said before and says no longer goes unless somebody else wants it,
 * and what others have set stays theirs. Throws `Conflict` where two want different things.
 */
export async function applyResource<R extends Resource>(
  context: ServerContext,
  options: ApplyOptions<R>,
): Promise<Applied<R>> {
  const { kind, key, caller, isOfStatus = false } = options;
  const { store } = context;
  if (!isOfStatus) checkMay("update", { kind, name: key.name, caller });
  const parsed = parse(kind, options.body);
  if ((parsed.managedFields ?? []).length > 0) {
    throw new ApiError("BadRequest", "metadata.managedFields must be nil");
  }
  checkPlace(parsed.draft.metadata, keyIn(kind, key));
  checkDistinct(schemaOf(kind), parsed.draft);
  return await inTurn({ store, kind, key }, async () => {
    const stored = store.get(kind, key);
    if (stored === undefined) {
      return { resource: await make(context, { ...options, parsed }), isNew: true };
    }
    checkSame(kind, stored, parsed.draft.metadata);
    return { resource: await change(context, { ...options, parsed, stored }), isNew: false };
  });
}

interface Making<R extends Resource> extends ApplyOptions<R> {
  readonly parsed: Parsed<R>;
}

async function make<R extends Resource>(context: ServerContext, making: Making<R>): Promise<R> {
  const { kind, key, parsed, body, isOfStatus = false } = making;
  const { uid = "" } = parsed.draft.metadata;
  if (isOfStatus) throw notFound(kind, key.name);
  if (uid !== "") throw uidDiffers(uid, "");
  const said = isObject(body) ? body : {};
  const metadata = { ...(isObject(said["metadata"]) ? said["metadata"] : {}), name: key.name };
  const writer = writerOf(making, { operation: "Apply", now: context.clock.timestamp() });
  const applied = fieldsSaid(parsed.draft, writer);
  const whole = { ...said, metadata };
  const { namespace } = key;
  return await createResource<R>(context, { ...making, namespace, body: whole, applied });
}

interface Changing<R extends Resource> extends Making<R> {
  readonly stored: R;
}

async function change<R extends Resource>(
  context: ServerContext,
  changing: Changing<R>,
): Promise<R> {
  const { kind, stored, parsed, caller, isOfStatus = false, isForced = false } = changing;
  const now = context.clock.timestamp();
  const subresource = isOfStatus ? "status" : undefined;
  const writer = writerOf(changing, { operation: "Apply", subresource, now });
  const entries = stored.metadata.managedFields ?? untracked(stored, writer);
  const applied = fieldsSaid(parsed.draft, writer);
  const draft = mergedOf({ writer, entries, applied }, changing);
  const settled = kind.prepare?.(draft, { stored, user: caller.user, now }) ?? draft;
  const { set } = changesOf({ before: stored, after: isOfStatus ? draft : settled }, writer);
  const conflicts = conflictsWith(entries, shared(set, applied), writer);
  if (conflicts.length > 0 && !isForced) throw applyConflict(conflicts);
  const owners = (after: R) => {
    const changes = changesOf({ before: stored, after }, writer);
    return afterApply(entries, { applied, changes }, writer);
  };
  const known = { ...changing, owners };
  if (isOfStatus) return await storeStatus(context, { ...known, status: draft.status });
  return await replace(context, { ...known, draft, unknown: parsed.unknown });
}

interface Merging {
  readonly writer: Writer;
  readonly entries: readonly ManagedFieldsEntry[];
  readonly applied: FieldSet;
}

/** What is stored with what is applied, and without what this applier has given up. */
function mergedOf<R extends Resource>(
  { writer, entries, applied }: Merging,
  { kind, stored, parsed }: Changing<R>,
): Draft<R> {
  const shape = schemaOf(kind);
  const live = ownableOf(stored, writer);
  const whole = withApplied(shape, live, ownableOf(parsed.draft, writer));
  const gone = minus(fieldsOf(entries, writer), applied);
  const kept = union(fieldsOfOthers(entries, writer), applied);
  const left = withoutFields(shape, whole, { gone, kept }) ?? {};
  const { apiVersion, kind: name } = kind;
  const metadata = isObject(left) && isObject(left["metadata"]) ? left["metadata"] : {};
  const { name: own, namespace } = stored.metadata;
  const placed = { ...metadata, name: own, ...(namespace !== undefined && { namespace }) };
  return { ...(left as Draft<R>), apiVersion, kind: name, metadata: placed };
}

function checkSame(kind: Kind, { metadata: now }: Resource, sent: DraftMeta): void {
  const { uid = "", resourceVersion = "" } = sent;
  if (uid !== "" && uid !== now.uid) throw uidDiffers(uid, now.uid);
  if (resourceVersion === "" || resourceVersion === now.resourceVersion) return;
  throw conflict(kind, now.name);
}
