import { notFound } from "../api/error.ts";
import { type Kind, keyIn, parse } from "../api/kind.ts";
import type { ManagedFieldsEntry, Resource } from "../api/meta.ts";
import type { WriteRequest } from "./admit.ts";
import type { ServerContext } from "./context.ts";
import { afterUpdate, changesOf, entriesFrom } from "./managed_fields.ts";
import { checkPlace, checkVersion, type PutOptions } from "./put_resource.ts";
import { withOwners, withStatus } from "./replaced.ts";
import { writerOf } from "./writer.ts";

/** `PUT …/{plural}/{name}/status`: replaces the status and nothing else. */
export async function putStatus<R extends Resource>(
  context: ServerContext,
  options: PutOptions<R>,
): Promise<R> {
  const { kind, key, body } = options;
  const { draft, managedFields } = parse(kind, body);
  checkPlace(draft.metadata, keyIn(kind, key));
  const stored = context.store.get(kind, key);
  if (stored === undefined) throw notFound(kind, key.name);
  checkVersion({ kind, stored, sent: draft.metadata });
  return await storeStatus(context, { ...options, stored, status: draft.status, managedFields });
}

interface StatusWrite<R extends Resource> extends WriteRequest {
  readonly kind: Kind<R>;
  readonly stored: R;
  readonly status: R["status"] | undefined;
  /** Who owns which field, as the caller has it. */
  readonly managedFields?: readonly ManagedFieldsEntry[] | undefined;
  /** Who owns which field then; whoever writes has what it changes when left out. */
  readonly owners?: (next: R) => readonly ManagedFieldsEntry[];
}

/** Stores another status of what is stored, if it is another. */
export async function storeStatus<R extends Resource>(
  { store, clock }: ServerContext,
  write: StatusWrite<R>,
): Promise<R> {
  const { stored, status, managedFields, isDryRun = false } = write;
  const how = { operation: "Update", subresource: "status", now: clock.timestamp() } as const;
  const writer = writerOf(write, how);
  const changed = withStatus(stored, status);
  const entries = entriesFrom(managedFields, stored.metadata.managedFields);
  const changes = changesOf({ before: stored, after: changed }, writer);
  const owners = write.owners?.(changed) ?? afterUpdate(entries, changes, writer);
  const next = withOwners(changed, owners);
  if (next === stored || isDryRun) return next;
  return await store.put(next, { expected: stored.metadata.resourceVersion });
}
