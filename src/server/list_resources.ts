import { valueAt } from "../api/column.ts";
import { notFound } from "../api/error.ts";
import { fieldsOf, type Kind } from "../api/kind.ts";
import type { ObjectKey, Resource } from "../api/meta.ts";
import { matches, matchesLabels, readFieldSelector, readLabelSelector } from "../api/selector.ts";
import type { Store } from "../store/store.ts";

/** Which resources of a kind are meant. */
export interface Selection<R extends Resource = Resource> {
  readonly kind: Kind<R>;
  /** One namespace; all when left out. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ResourceList<R extends Resource> {
  readonly items: readonly R[];
  /** The moment of the list: watch from here to miss nothing. */
  readonly resourceVersion: string;
}

/** `GET …/{plural}/{name}`. Throws `NotFound`. */
export function getResource<R extends Resource>(store: Store, kind: Kind<R>, key: ObjectKey): R {
  const stored = store.get(kind, key);
  if (stored === undefined) throw notFound(kind, key.name);
  return stored;
}

/** `GET …/{plural}`: what is there now, by namespace and then by name. */
export function listResources<R extends Resource>(
  store: Store,
  selection: Selection<R>,
): ResourceList<R> {
  const { kind, namespace } = selection;
  const isMeant = selectorOf(selection);
  const all = store.list(kind, kind.isNamespaced ? namespace : undefined);
  return { items: all.filter(isMeant), resourceVersion: String(store.revision) };
}

/** Reads the selectors once. Throws `BadRequest` when one is not readable. */
export function selectorOf<R extends Resource>(selection: Selection<R>): (resource: R) => boolean {
  const { kind, namespace, labelSelector = "", fieldSelector = "" } = selection;
  const labels = readLabelSelector(labelSelector);
  const fields = readFieldSelector(fieldSelector, fieldsOf(kind));
  return (resource) => {
    const { metadata } = resource;
    if (namespace !== undefined && kind.isNamespaced && metadata.namespace !== namespace)
      return false;
    return (
      matchesLabels(labels, metadata.labels) && matches(fields, (path) => fieldOf(resource, path))
    );
  };
}

/** What is absent is "", as in Kubernetes. */
function fieldOf(resource: Resource, path: string): string {
  const value = valueAt(`.${path}`, resource);
  return typeof value === "object" ? "" : String(value ?? "");
}
