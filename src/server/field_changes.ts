import { isDeepStrictEqual } from "node:util";
import type { Shape } from "../base/schema.ts";
import { isMap, type Part, partsOf } from "./field_parts.ts";
import { type FieldSet, fieldsIn, LEAF, NOTHING, withParts } from "./field_set.ts";

/** Which fields are different after a write. */
export interface FieldChanges {
  /** What was not there before, or says something else. */
  readonly set: FieldSet;
  readonly removed: FieldSet;
}

const NONE: FieldChanges = { set: NOTHING, removed: NOTHING };

/** Compares two values of one shape, field by field. */
export function changesBetween(shape: Shape, before: unknown, after: unknown): FieldChanges {
  if (before === after) return NONE;
  if (before === undefined) return { set: fieldsIn(shape, after), removed: NOTHING };
  if (after === undefined) return { set: NOTHING, removed: fieldsIn(shape, before) };
  const [old, now] = [partsOf(shape, before), partsOf(shape, after)];
  if (old === undefined || now === undefined) {
    return isDeepStrictEqual(before, after) ? NONE : { set: LEAF, removed: NOTHING };
  }
  const isNamed = Array.isArray(after) || isMap(shape);
  return inParts(old, now, isNamed);
}

function inParts(old: readonly Part[], now: readonly Part[], isNamed: boolean): FieldChanges {
  // An element of a list comes and goes itself, beside what is in it.
  const whole = (fields: FieldSet) => (isNamed ? { ...fields, isIn: true } : fields);
  const were = new Map(old.map((part) => [part.id, part]));
  const set: (readonly [string, FieldSet])[] = [];
  const removed: (readonly [string, FieldSet])[] = [];
  for (const part of now) {
    const was = were.get(part.id);
    were.delete(part.id);
    const changes = changesBetween(part.shape, was?.value, part.value);
    set.push([part.id, was === undefined ? whole(changes.set) : changes.set]);
    removed.push([part.id, changes.removed]);
  }
  for (const part of were.values()) {
    removed.push([part.id, whole(fieldsIn(part.shape, part.value))]);
  }
  return { set: withParts(false, set), removed: withParts(false, removed) };
}
