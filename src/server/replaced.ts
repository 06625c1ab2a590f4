import { isDeepStrictEqual } from "node:util";
import type { Kind } from "../api/kind.ts";
import type { Draft, DraftMeta, ManagedFieldsEntry, ObjectMeta, Resource } from "../api/meta.ts";
import { managedFieldsIn } from "./managed_fields.ts";

/**
 * What is stored after an owner wrote `sent` over `stored`: status and what is the server's stay,
 * and a change of the spec counts. The stored object itself when nothing changed, so that saying
 * the same again wakes nobody.
 */
export function replaced<R extends Resource>(kind: Kind<R>, stored: R, sent: Draft<R>): R {
  const { status: _, ...said } = sent;
  const metadata = keptMeta(stored.metadata, sent.metadata);
  const kept = kind.hasStatus ? { status: stored.status } : {};
  const next = withoutAbsent({ ...said, ...kept, metadata }) as R;
  if (isDeepStrictEqual(next, stored)) return stored;
  const isSame = isDeepStrictEqual(next.spec, stored.spec);
  if (isSame) return next;
  return { ...next, metadata: { ...metadata, generation: stored.metadata.generation + 1 } };
}

/** The same with another status and nothing else. */
export function withStatus<R extends Resource>(stored: R, status: R["status"] | undefined): R {
  if (isDeepStrictEqual(status, stored.status)) return stored;
  return withoutAbsent({ ...stored, status }) as R;
}

/** The same with other owners of its fields. */
export function withOwners<R extends Resource>(
  resource: R,
  entries: readonly ManagedFieldsEntry[],
): R {
  const { managedFields = [], ...metadata } = resource.metadata;
  if (isDeepStrictEqual(managedFields, entries)) return resource;
  return { ...resource, metadata: { ...metadata, ...managedFieldsIn(entries) } };
}

/** Whether nothing holds it back any more, after its deletion was asked for. */
export function isFinalized({ metadata }: Resource): boolean {
  const { deletionTimestamp, finalizers = [] } = metadata;
  return deletionTimestamp !== undefined && finalizers.length === 0;
}

function keptMeta(stored: ObjectMeta, sent: DraftMeta): ObjectMeta {
  const { uid, name, namespace, generateName, resourceVersion, generation } = stored;
  const { creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds } = stored;
  const { managedFields } = stored;
  const { labels, annotations, ownerReferences } = sent;
  const ours = {
    ...{ name, generateName, namespace, uid, resourceVersion, generation, creationTimestamp },
    ...{ deletionTimestamp, deletionGracePeriodSeconds, managedFields },
  };
  const finalizers = finalizersAfter(stored, sent);
  const theirs = { labels, annotations, ownerReferences, finalizers };
  return withoutEmpty(withoutAbsent({ ...ours, ...theirs })) as ObjectMeta;
}

/** On what is going, finalizers can be taken away and not added. */
function finalizersAfter(stored: ObjectMeta, { finalizers = [] }: DraftMeta): readonly string[] {
  if (stored.deletionTimestamp === undefined) return finalizers;
  return finalizers.filter((it) => stored.finalizers?.includes(it));
}

function withoutAbsent<T extends object>(value: T): Partial<T> {
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries) as Partial<T>;
}

/** No labels, no annotations, no finalizers: absent and empty are one. */
export function withoutEmpty(metadata: object): object {
  const isSaid = (value: unknown) =>
    typeof value !== "object" || value === null || Object.keys(value).length > 0;
  if (Object.values(metadata).every(isSaid)) return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => isSaid(value)));
}
