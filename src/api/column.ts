import { writeAge } from "./duration.ts";
import type { Resource } from "./meta.ts";

/** One column of what `kubectl get` prints of a kind. */
export interface Column<R extends Resource = Resource> {
  readonly name: string;
  readonly type: "string" | "integer" | "date" | "boolean";
  /** 0 is always shown, 1 only with `-o wide`. */
  readonly priority?: number;
  readonly description?: string;
  /** Where the value stands, as in a CRD: `.status.conditions[?(@.type=='Ready')].status`. */
  readonly jsonPath: string;
  /** For what no path reaches; only kinds of our own server have such columns. */
  value?(resource: R): Cell;
}

export type Cell = string | number | boolean | null;

export const NAME_COLUMN: Column = {
  name: "Name",
  type: "string",
  description: "The name, unique among its kind in a namespace",
  jsonPath: ".metadata.name",
};

export const AGE_COLUMN: Column = {
  name: "Age",
  type: "date",
  description: "Since when it is there",
  jsonPath: ".metadata.creationTimestamp",
};

/** What to print of a resource in this column. `null` where there is nothing to say. */
export function cellOf(column: Column, resource: Resource, nowMs: number): Cell {
  const value = column.value?.(resource) ?? valueAt(column.jsonPath, resource);
  if (value === undefined || value === null) return column.type === "date" ? "<unknown>" : null;
  if (column.type === "date") return writeAge(nowMs - Date.parse(String(value)));
  if (typeof value === "object") return JSON.stringify(value);
  return value as Cell;
}

const STEP = /\.([A-Za-z0-9_]+)|\[\?\(@\.(\w+)==['"]([^'"]*)['"]\)\]|\['([^']+)'\]|\[(\d+)\]/g;

/** The value at a path of the subset of JSONPath that CRDs use for their columns. */
export function valueAt(path: string, root: unknown): unknown {
  let at = root;
  for (const [, name, field, equals, key, index] of path.matchAll(STEP)) {
    if (typeof at !== "object" || at === null) return undefined;
    if (field !== undefined && Array.isArray(at)) at = at.find((it) => it[field] === equals);
    else at = (at as Record<string, unknown>)[name ?? key ?? index ?? ""];
  }
  return at;
}
