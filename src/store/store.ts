import { groupOf } from "../api/group.ts";
import type { Kind } from "../api/kind.ts";
import { type ObjectKey, pathOf, type Resource, type TypeMeta } from "../api/meta.ts";

/**
 * What must be true of the stored resource for a write to happen: it has this `resourceVersion`,
 * there is none ("absent"), or nothing in particular ("any").
 */
export type Expected = "absent" | "any" | (string & {});

export interface WriteOptions {
  readonly expected: Expected;
}

/** One committed write, as watchers are told of it. */
export interface Change {
  /** Where it stands in the log. Grows by one with every write. */
  readonly revision: number;
  readonly type: "put" | "delete";
  /** What is stored now; of a deletion, what was there last, with the deletion's version. */
  readonly resource: Resource;
  /** What was stored before, if anything was. */
  readonly previous: Resource | undefined;
}

/** Called once for each change, in order, after it is committed. Must not throw. */
export type ChangeListener = (change: Change) => void;

/**
 * One numbered log of writes to resources, and what is live at its end. A write is answered only
 * once it would survive a power cut; reads come from memory, and never see less than that.
 * Everything read is shared and frozen by agreement: change a copy.
 */
export interface Store extends AsyncDisposable {
  /** The number of the last committed write; 0 when nothing was ever written. */
  readonly revision: number;
  /** The last change that was forgotten. Watching from before it is not possible. */
  readonly compactedRevision: number;
  get<R extends Resource>(kind: Kind<R>, key: ObjectKey): R | undefined;
  /** All of a kind, or those in one namespace, by namespace and then by name. */
  list<R extends Resource>(kind: Kind<R>, namespace?: string): readonly R[];
  /** All that have owners, or are on their way out; there may be others among them. */
  linked(): Iterable<Resource>;
  /**
   * Stores a resource under its kind, namespace and name, and stamps its `resourceVersion`.
   * Throws `AlreadyExists`, `NotFound` or `Conflict` when the store is not as `expected`, and
   * `InsufficientStorage` when the disk has no room; then nothing was written.
   */
  put<R extends Resource>(resource: R, options: WriteOptions): Promise<R>;
  /** Removes one, and answers with what it was. Throws as `put` does. */
  delete<R extends Resource>(resource: R, options: WriteOptions): Promise<R>;
  /**
   * Tells of every change after revision `after`, those that are past first: no gap, none twice.
   * Throws `Expired` when `after` was compacted. Disposing ends it; nothing is told afterwards.
   */
  watch(after: number, listener: ChangeListener): Disposable;
  /** Forgets changes up to and with `revision`; what is live stays. Going back does nothing. */
  compact(revision: number): Promise<void>;
}

/** Where a resource is kept: "Service.serving.knative.dev/default/hello". Sorts as lists do. */
export function storeKey(type: TypeMeta, key: ObjectKey): string {
  return `${prefixOf(type)}${pathOf(key)}`;
}

/** What the keys of all of a kind begin with, or of those in one namespace. */
export function prefixOf({ apiVersion, kind }: TypeMeta, namespace?: string): string {
  const group = groupOf(apiVersion);
  const prefix = group === "" ? `${kind}/` : `${kind}.${group}/`;
  return namespace === undefined ? prefix : `${prefix}${namespace}/`;
}
