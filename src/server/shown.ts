import type { Kind } from "../api/kind.ts";
import type { Resource } from "../api/meta.ts";
import { textOf } from "../api/text.ts";
import type { Answer } from "../base/call.ts";
import type { Page } from "./list_page.ts";
import type { Form } from "./negotiation.ts";
import { type Included, partialOf, tableOf } from "./table.ts";

export type Body = Pick<Answer, "body" | "headers">;

/** How resources are shown to a caller: one, or a page of a list. */
export interface Shown {
  one(resource: Resource): Body;
  all(page: Page<Resource>): Body;
}

interface ShownOptions {
  readonly kind: Kind;
  readonly included: Included;
  readonly nowMs: number;
}

/** As they are, by their metadata alone, or as rows of a table. */
export function shownAs(form: Form, options: ShownOptions): Shown {
  if (form === "Table") {
    const all: Shown["all"] = (page) => ({ body: tableOf(page, options) });
    const one: Shown["one"] = (resource) => {
      const { resourceVersion } = resource.metadata;
      return all({ items: [resource], resourceVersion });
    };
    return { all, one };
  }
  const isPartial = form === "PartialObjectMetadata";
  const { apiVersion, kind } = options.kind;
  const head = isPartial
    ? { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" }
    : { kind: `${kind}List`, apiVersion };
  const write = isPartial ? (resource: Resource) => JSON.stringify(partialOf(resource)) : textOf;
  return {
    one: (resource) => json(write(resource)),
    all: ({ items, ...metadata }) => json(listText({ ...head, metadata }, items.map(write))),
  };
}

/** What was written once is not written again for every list that it is in. */
function listText(head: object, items: readonly string[]): string {
  return `${JSON.stringify(head).slice(0, -1)},"items":[${items.join(",")}]}`;
}

function json(body: string): Body {
  return { body, headers: { "content-type": "application/json" } };
}
