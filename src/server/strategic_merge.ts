import { isDeepStrictEqual } from "node:util";
import { ApiError } from "../api/error.ts";
import type { Shape } from "../base/schema.ts";
import { shapeOf } from "../base/schema_reading.ts";
import { isObject } from "./merge_patch.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What a container without a name is called, so that a patch need not say it (§16 O-1). */
const UNNAMED: Readonly<Record<string, string>> = { containers: "user-container" };

/** Lists of words that are added to; to take one away, `$deleteFromPrimitiveList` has to say so. */
const SETS: ReadonlySet<string> = new Set(["finalizers"]);

const DELETE_FROM = "$deleteFromPrimitiveList/";
const ORDER = "$setElementOrder/";

/**
 * Applies Kubernetes' strategic merge patch to a copy: like a merge patch, but a list that has a
 * key in the schema is merged element by element. Knows `$patch`, `$retainKeys`,
 * `$deleteFromPrimitiveList` and `$setElementOrder`.
 */
export function strategicMerge(shape: Shape, target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const before: Fields = isObject(target) ? target : {};
  const { $patch: order, $retainKeys: retained, ...changes } = patch;
  if (order === "delete") return undefined;
  if (order === "replace") return changes;
  if (order !== undefined && order !== "merge") {
    throw new ApiError("BadRequest", `$patch must be merge, replace or delete, is "${order}"`);
  }
  const merged: Record<string, unknown> = isStrings(retained)
    ? only(before, retained)
    : { ...before };
  for (const [key, value] of Object.entries(changes)) {
    if (key.startsWith(ORDER)) continue;
    const name = key.startsWith(DELETE_FROM) ? key.slice(DELETE_FROM.length) : key;
    const after =
      key === name
        ? mergedField({ shape, name, before: merged[name], value })
        : without(merged[name], value);
    if (after === undefined) delete merged[name];
    else merged[name] = after;
  }
  return ordered(shape, merged, changes);
}

interface Field {
  readonly shape: Shape;
  readonly name: string;
  readonly before: unknown;
  readonly value: unknown;
}

function mergedField({ shape, name, before, value }: Field): unknown {
  if (value === null) return undefined;
  const inner = shapeOf(shape, name) ?? {};
  if (!Array.isArray(value)) return strategicMerge(inner, before, value);
  // What is told apart by two keys at once is replaced whole, so that a port can just be changed.
  const [key, second] = inner["x-kubernetes-list-map-keys"] ?? [];
  const list = Array.isArray(before) ? before : [];
  if (SETS.has(name)) return [...new Set([...list, ...value])];
  if (key === undefined || second !== undefined) return value;
  return mergedList({ items: inner.items ?? {}, key, list, unnamed: UNNAMED[name] }, value);
}

interface List {
  readonly items: Shape;
  readonly key: string;
  readonly list: readonly unknown[];
  /** The key of an element that does not say. */
  readonly unnamed: string | undefined;
}

function mergedList({ items, key, list, unnamed }: List, patches: readonly unknown[]): unknown {
  const isReplaced = patches.some((patch) => isObject(patch) && patch["$patch"] === "replace");
  const merged = isReplaced ? [] : [...list];
  for (const patch of patches) {
    if (!isObject(patch))
      throw new ApiError("BadRequest", `elements merged by "${key}" are objects`);
    const { $patch: order, ...element } = patch;
    const name = element[key] ?? unnamed;
    if (order === "replace" && name === undefined) continue;
    if (name === undefined) {
      const text = JSON.stringify(element);
      throw new ApiError("BadRequest", `the element ${text} must have "${key}" to be merged by it`);
    }
    const index = merged.findIndex((it) => isObject(it) && (it[key] ?? unnamed) === name);
    if (order === "delete") {
      if (index >= 0) merged.splice(index, 1);
    } else if (index < 0) merged.push(strategicMerge(items, {}, { ...element, [key]: name }));
    else merged[index] = strategicMerge(items, merged[index], element);
  }
  return merged;
}

/** Puts lists in the order that the patch asks for; what it does not name comes last. */
function ordered(shape: Shape, merged: Record<string, unknown>, changes: Fields): unknown {
  for (const [directive, order] of Object.entries(changes)) {
    const name = directive.slice(ORDER.length);
    const list = merged[name];
    if (!directive.startsWith(ORDER) || !Array.isArray(order) || !Array.isArray(list)) continue;
    const [key = ""] = shapeOf(shape, name)?.["x-kubernetes-list-map-keys"] ?? [];
    const nameOf = (element: unknown) => (isObject(element) ? element[key] : element);
    const wanted = order.map(nameOf);
    const rank = (element: unknown) => {
      const at = wanted.indexOf(nameOf(element));
      return at < 0 ? wanted.length : at;
    };
    merged[name] = list.toSorted((one, other) => rank(one) - rank(other));
  }
  return merged;
}

function without(list: unknown, gone: unknown): unknown {
  if (!Array.isArray(list) || !Array.isArray(gone)) return list;
  return list.filter((element) => !gone.some((it) => isDeepStrictEqual(it, element)));
}

function only(fields: Fields, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name)));
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((it) => typeof it === "string");
}
