import type { Kind } from "../api/kind.ts";
import type { Resource } from "../api/meta.ts";
import type { Form } from "./negotiation.ts";
import { type Included, partialOf, tableOf } from "./table.ts";

/** How resources are shown to a caller: one, or a list as of a moment. */
export interface Shown {
  one(resource: Resource): object;
  all(resources: readonly Resource[], resourceVersion: string): object;
}

interface ShownOptions {
  readonly kind: Kind;
  readonly included: Included;
  readonly nowMs: number;
}

/** As they are, by their metadata alone, or as rows of a table. */
export function shownAs(form: Form, options: ShownOptions): Shown {
  if (form === "Table") {
    const all: Shown["all"] = (resources, resourceVersion) =>
      tableOf(resources, { ...options, resourceVersion });
    return { all, one: (resource) => all([resource], resource.metadata.resourceVersion) };
  }
  const isPartial = form === "PartialObjectMetadata";
  const { apiVersion, kind } = options.kind;
  const head = isPartial
    ? { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" }
    : { kind: `${kind}List`, apiVersion };
  const one: Shown["one"] = (resource) => (isPartial ? partialOf(resource) : resource);
  return {
    one,
    all: (resources, resourceVersion) => {
      return { ...head, metadata: { resourceVersion }, items: resources.map(one) };
    },
  };
}
