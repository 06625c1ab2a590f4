import { alreadyExists, conflict, type KindName, notFound } from "../api/error.ts";
import type { Resource, TypeMeta } from "../api/meta.ts";
import type { Change, Expected } from "./store.ts";

/** A write that was asked for. */
export interface Write<R extends Resource = Resource> {
  readonly type: Change["type"];
  readonly resource: R;
  readonly expected: Expected;
}

/** Where a write would happen: what is stored there now, and the number the write would get. */
export interface Place {
  readonly stored: Resource | undefined;
  readonly revision: number;
}

/** What a write comes to. Throws the refusal when what is stored is not as it expects. */
export function changeOf<R extends Resource>(
  { type, resource, expected }: Write<R>,
  { stored, revision }: Place,
): Change & { readonly resource: R } {
  const { name } = resource.metadata;
  const isThere = stored !== undefined;
  const mayBeAbsent = type === "put" && (expected === "absent" || expected === "any");
  if (!isThere && !mayBeAbsent) throw notFound(kindNameOf(resource), name);
  if (isThere && expected === "absent") throw alreadyExists(kindNameOf(resource), name);
  const isOther = isThere && expected !== "any" && expected !== stored.metadata.resourceVersion;
  if (isOther) throw conflict(kindNameOf(resource), name);
  // What is stored under the key of an R is one.
  const last = type === "delete" ? (stored as R) : resource;
  return { revision, type, resource: stamped(last, revision), previous: stored };
}

/** The same resource as of this revision. */
export function stamped<R extends Resource>(resource: R, revision: number): R {
  return { ...resource, metadata: { ...resource.metadata, resourceVersion: String(revision) } };
}

/** The store is not told the plurals of kinds, and forms them as Kubernetes does: regularly. */
function kindNameOf({ apiVersion, kind }: TypeMeta): KindName {
  const word = kind.toLowerCase();
  if (word.endsWith("s")) return { apiVersion, kind, plural: `${word}es` };
  const plural = word.endsWith("y") ? `${word.slice(0, -1)}ies` : `${word}s`;
  return { apiVersion, kind, plural };
}
