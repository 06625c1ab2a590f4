import { ApiError } from "../api/error.ts";
import { groupOf } from "../api/group.ts";
import type { Resource } from "../api/meta.ts";
import type { Change, Store } from "../store/store.ts";
import { type Selection, selectorOf } from "./list_resources.ts";

export interface WatchedEvent<R extends Resource> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: R;
}

export interface WatchRequest<R extends Resource> extends Selection<R> {
  /** Begin after this moment. Without one, or with "0", all that is there comes first. */
  readonly resourceVersion?: string | undefined;
  /** Whether all that is there comes first; as the version has it when left out. */
  readonly beginsWithAll?: boolean | undefined;
}

/**
 * `GET …/{plural}?watch=true`: tells of every change to what is selected, in order, none missed
 * and none twice, until disposed. Something that begins or ceases to be selected is ADDED or
 * DELETED. Throws `Expired` when the moment is too long ago, or is not one of this store.
 */
export function watchResources<R extends Resource>(
  store: Store,
  request: WatchRequest<R>,
  listener: (event: WatchedEvent<R>) => void,
): Disposable {
  const { kind, namespace, resourceVersion = "" } = request;
  const isMeant = selectorOf(request);
  const isOfKind = ({ apiVersion, kind: name }: Resource): boolean =>
    name === kind.kind && groupOf(apiVersion) === groupOf(kind.apiVersion);
  const isNow = isFromNow(resourceVersion);
  const begin = isNow ? store.revision : readVersion(resourceVersion, store);
  const { beginsWithAll = isNow } = request;
  if (beginsWithAll) {
    for (const object of store.list(kind, kind.isNamespaced ? namespace : undefined)) {
      if (isMeant(object)) listener({ type: "ADDED", object });
    }
  }
  return store.watch(beginsWithAll ? store.revision : begin, (change) => {
    if (!isOfKind(change.resource)) return;
    const event = eventOf<R>(change, isMeant);
    if (event !== undefined) listener(event);
  });
}

/** Whether a watch from here begins with all that is there. */
export function isFromNow(resourceVersion: string): boolean {
  return resourceVersion === "" || resourceVersion === "0";
}

function eventOf<R extends Resource>(
  { type, resource, previous }: Change,
  isMeant: (resource: R) => boolean,
): WatchedEvent<R> | undefined {
  // The key of the kind in the store proves the type of what is under it.
  const object = resource as R;
  const was = previous !== undefined && isMeant(previous as R);
  const is = type === "put" && isMeant(object);
  if (is) return { type: was ? "MODIFIED" : "ADDED", object };
  return was ? { type: "DELETED", object } : undefined;
}

function readVersion(resourceVersion: string, store: Store): number {
  const after = Number(resourceVersion);
  if (!/^\d+$/.test(resourceVersion)) {
    const message = `Invalid value: "${resourceVersion}": resourceVersion is a number from a list`;
    throw new ApiError("BadRequest", message);
  }
  if (after <= store.revision) return after;
  const message = `too large resource version: ${after}, current: ${store.revision}`;
  throw new ApiError("Expired", message);
}
