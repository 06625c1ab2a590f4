import { type Cell, type Column, cellOf, NAME_COLUMN } from "../api/column.ts";
import { ApiError } from "../api/error.ts";
import type { Kind } from "../api/kind.ts";
import type { ObjectMeta, Resource } from "../api/meta.ts";
import type { Page } from "./list_page.ts";

/** What a row carries besides its cells. */
export type Included = "None" | "Metadata" | "Object";

/** What `includeObject` of a query asks for. Throws `BadRequest` for what there is not. */
export function includedIn(query: URLSearchParams): Included {
  const text = query.get("includeObject") ?? "Metadata";
  if (text === "None" || text === "Metadata" || text === "Object") return text;
  const known = '"None", "Metadata" or "Object"';
  throw new ApiError("BadRequest", `includeObject: must be ${known}, is "${text}"`);
}

interface Row {
  readonly cells: readonly Cell[];
  readonly object: unknown;
}

/** What `kubectl get` prints: Kubernetes' `meta.k8s.io/v1` Table. */
export interface Table {
  readonly kind: "Table";
  readonly apiVersion: "meta.k8s.io/v1";
  readonly metadata: Omit<Page<Resource>, "items">;
  readonly columnDefinitions: readonly object[];
  readonly rows: readonly Row[];
}

export interface TableOptions {
  readonly kind: Kind;
  readonly included: Included;
  readonly nowMs: number;
}

export function tableOf(page: Page<Resource>, options: TableOptions): Table {
  const { items, ...metadata } = page;
  const { kind, included, nowMs } = options;
  const rows = items.map((resource) => ({
    cells: kind.columns.map((column) => cellOf(column, resource, nowMs)),
    object: objectOf(resource, included),
  }));
  const columnDefinitions = kind.columns.map(definitionOf);
  const head = { kind: "Table", apiVersion: "meta.k8s.io/v1" } as const;
  return { ...head, metadata, columnDefinitions, rows };
}

/** Only what every resource has: Kubernetes' `PartialObjectMetadata`. */
export function partialOf({ metadata }: { readonly metadata: ObjectMeta }): object {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata };
}

function definitionOf(column: Column): object {
  const { name, type, priority = 0, description = "" } = column;
  const format = column === NAME_COLUMN ? "name" : type === "date" ? "date" : "";
  // An age is sent as text by now, such as "5m".
  return { name, type: type === "date" ? "string" : type, format, description, priority };
}

function objectOf(resource: Resource, included: Included): unknown {
  if (included === "None") return null;
  return included === "Object" ? resource : partialOf(resource);
}
