import { ApiError } from "../api/error.ts";
import type { Shape } from "../base/schema.ts";
import { keysOf, type Part, partsOf, readableOf } from "./field_parts.ts";
import { type FieldSet, isEmpty, NOTHING } from "./field_set.ts";
import { isObject } from "./merge_patch.ts";

/** What is there with what an applier says in its place: Kubernetes' server-side apply. */
export function withApplied(shape: Shape, live: unknown, applied: unknown): unknown {
  if (applied === undefined) return live;
  const [old, now] = [partsOf(shape, live), partsOf(shape, applied)];
  if (old === undefined || now === undefined) return applied;
  const were = new Map(old.map((part) => [part.id, part]));
  const merged = now.map((part) => {
    const was = were.get(part.id);
    return { ...part, value: withApplied(part.shape, was?.value, part.value) };
  });
  if (!Array.isArray(applied)) return { ...(live as object), ...fieldsFrom(merged) };
  return inOrder(old, merged).map(({ value }) => value);
}

/** Throws when two elements of a list cannot be told apart, for then nobody knows what is meant. */
export function checkDistinct(shape: Shape, applied: unknown): void {
  const seen = new Set<string>();
  for (const { id, shape: inner, value } of partsOf(shape, applied) ?? []) {
    if (seen.has(id)) {
      const rule = "each element of this list is told apart by its key, and may be there once";
      throw new ApiError("BadRequest", `duplicate entries for key ${readableOf(id)}: ${rule}`);
    }
    seen.add(id);
    checkDistinct(inner, value);
  }
}

/**
 * A value without the fields that are `gone` and that nobody keeps. What is empty then, and kept by
 * nobody, goes as well: the answer is nothing when that is all of it.
 */
export function withoutFields(
  shape: Shape,
  value: unknown,
  { gone, kept }: { readonly gone: FieldSet; readonly kept: FieldSet },
): unknown {
  if (gone.isIn && isEmpty(kept)) return undefined;
  const parts = partsOf(shape, value);
  if (parts === undefined || gone.parts.size === 0) return value;
  const left = parts.flatMap((part) => {
    const inner = gone.parts.get(part.id) ?? NOTHING;
    if (isEmpty(inner)) return [part];
    const keeping = kept.parts.get(part.id) ?? NOTHING;
    const after = withoutFields(part.shape, part.value, { gone: inner, kept: keeping });
    return after === undefined ? [] : [{ ...part, value: withKeys(shape, part, after) }];
  });
  if (left.length === 0 && isEmpty(kept)) return undefined;
  return Array.isArray(value) ? left.map((part) => part.value) : fieldsFrom(left);
}

/** An element that stays keeps what it is told apart by. */
function withKeys(shape: Shape, { value }: Part, after: unknown): unknown {
  if (!isObject(after) || !isObject(value)) return after;
  const keys = keysOf(shape).filter((key) => Object.hasOwn(value, key));
  return { ...Object.fromEntries(keys.map((key) => [key, value[key]])), ...after };
}

function fieldsFrom(parts: readonly Part[]): object {
  return Object.fromEntries(parts.map(({ id, value }) => [id.slice(2), value]));
}

/** As the applier orders them; the others stay behind those that they stood behind. */
function inOrder(old: readonly Part[], applied: readonly Part[]): readonly Part[] {
  const ids = new Set(applied.map(({ id }) => id));
  const behind = new Map<string, Part[]>();
  let last = "";
  for (const part of old) {
    if (ids.has(part.id)) last = part.id;
    else behind.set(last, [...(behind.get(last) ?? []), part]);
  }
  const each = applied.flatMap((part) => [part, ...(behind.get(part.id) ?? [])]);
  return [...(behind.get("") ?? []), ...each];
}
