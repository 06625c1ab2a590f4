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
  value?(resource: R, nowMs: number): Cell;
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

/** Whether a resource is ready, and why not, from its conditions. */
export const READY_COLUMNS: readonly Column[] = [
  {
    name: "Ready",
    type: "string",
    description: "Whether the world is as the spec says",
    jsonPath: ".status.conditions[?(@.type=='Ready')].status",
  },
  {
    name: "Reason",
    type: "string",
    description: "Why it is not, in one word",
    jsonPath: ".status.conditions[?(@.type=='Ready')].reason",
  },
];

export const URL_COLUMN: Column = {
  name: "URL",
  type: "string",
  description: "Where it answers",
  jsonPath: ".status.url",
};

export const LATEST_COLUMNS: readonly Column[] = [
  {
    name: "LatestCreated",
    type: "string",
    description: "The newest Revision",
    jsonPath: ".status.latestCreatedRevisionName",
  },
  {
    name: "LatestReady",
    type: "string",
    description: "The newest Revision that works",
    jsonPath: ".status.latestReadyRevisionName",
  },
];

/** What to print of a resource in this column. `null` where there is nothing to say. */
export function cellOf(column: Column, resource: Resource, nowMs: number): Cell {
  const value = column.value?.(resource, nowMs) ?? valueAt(column.jsonPath, resource);
  if (column.type === "date") return ageOf(value, nowMs);
  if (value === undefined || value === null) return null;
  if (typeof value === "object") return JSON.stringify(value);
  return value as Cell;
}

function ageOf(value: unknown, nowMs: number): string {
  const thenMs = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(thenMs) ? "<unknown>" : writeAge(nowMs - thenMs);
}

const STEP = /\.([A-Za-z0-9_]+)|\[\?\(@\.(\w+)==['"]([^'"]*)['"]\)\]|\['([^']+)'\]|\[(\d+)\]/g;

/** The value at a path of the subset of JSONPath that CRDs use for their columns. */
export function valueAt(path: string, root: unknown): unknown {
  let at = root;
  for (const [, name, field, equals, key, index] of path.matchAll(STEP)) {
    if (field !== undefined && Array.isArray(at)) at = at.find((it) => ownOf(it, field) === equals);
    else at = ownOf(at, name ?? key ?? index ?? "");
  }
  return at;
}

function ownOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}
