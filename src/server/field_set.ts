import type { Shape } from "../base/schema.ts";
import { isMap, partsOf, readableOf } from "./field_parts.ts";

/** A set of fields, as a tree: what `fieldsV1` of Kubernetes holds. */
export interface FieldSet {
  /** Whether the place itself is in the set, beside what is in it. */
  readonly isIn: boolean;
  readonly parts: ReadonlyMap<string, FieldSet>;
}

const NO_PARTS: ReadonlyMap<string, FieldSet> = new Map();

export const NOTHING: FieldSet = { isIn: false, parts: NO_PARTS };
export const LEAF: FieldSet = { isIn: true, parts: NO_PARTS };

/** All fields of a value: what belongs to whoever says it. */
export function fieldsIn(shape: Shape, value: unknown): FieldSet {
  const parts = partsOf(shape, value);
  if (parts === undefined) return LEAF;
  if (parts.length === 0) return Array.isArray(value) ? NOTHING : LEAF;
  const isNamed = Array.isArray(value) || isMap(shape);
  const each = parts.map(({ id, shape: inner, value: said }) => {
    const fields = fieldsIn(inner, said);
    return [id, isNamed ? { ...fields, isIn: true } : fields] as const;
  });
  return withParts(false, each);
}

export function isEmpty({ isIn, parts }: FieldSet): boolean {
  return !isIn && parts.size === 0;
}

export function union(one: FieldSet, other: FieldSet): FieldSet {
  if (isEmpty(other)) return one;
  if (isEmpty(one)) return other;
  const parts = new Map(one.parts);
  for (const [id, inner] of other.parts) parts.set(id, union(parts.get(id) ?? NOTHING, inner));
  return { isIn: one.isIn || other.isIn, parts };
}

/** What is in `one` and not in `other`. */
export function minus(one: FieldSet, other: FieldSet): FieldSet {
  if (isEmpty(other)) return one;
  const each = [...one.parts].map(
    ([id, inner]) => [id, minus(inner, other.parts.get(id) ?? NOTHING)] as const,
  );
  return withParts(one.isIn && !other.isIn, each);
}

/** What is in both. */
export function shared(one: FieldSet, other: FieldSet): FieldSet {
  if (one.parts.size > other.parts.size) return shared(other, one);
  const each = [...one.parts].map(
    ([id, inner]) => [id, shared(inner, other.parts.get(id) ?? NOTHING)] as const,
  );
  return withParts(one.isIn && other.isIn, each);
}

/** The fields of a set, as people read them: `.spec.containers[name="a"].image`. */
export function pathsOf({ isIn, parts }: FieldSet, path = ""): readonly string[] {
  const inner = [...parts].flatMap(([id, set]) => pathsOf(set, `${path}${readableOf(id)}`));
  return isIn ? [path, ...inner] : inner;
}

/** The form of a place with nothing in it: most of them, so that it is there only once. */
const LEAF_FORM: Readonly<Record<string, unknown>> = Object.freeze({});

/** The form of `fieldsV1`. The same set has the same form, whatever order it was made in. */
export function writeFields({ isIn, parts }: FieldSet): Readonly<Record<string, unknown>> {
  if (parts.size === 0) return LEAF_FORM;
  const ids = [...parts.keys()].sort();
  const inner = ids.map((id) => [id, writeFields(parts.get(id) ?? NOTHING)]);
  return Object.fromEntries(isIn ? [[".", LEAF_FORM], ...inner] : inner);
}

/** Reads what `writeFields` wrote. What is no such form says nothing. */
export function readFields(form: unknown, isRoot = true): FieldSet {
  if (typeof form !== "object" || form === null || Array.isArray(form)) return NOTHING;
  const entries = Object.entries(form).filter(([id]) => /^([fvi]:|k:\{)/.test(id));
  const each = entries.map(([id, inner]) => [id, readFields(inner, false)] as const);
  return { isIn: !isRoot && (each.length === 0 || "." in form), parts: new Map(each) };
}

/** Without the parts that say nothing. */
export function withParts(
  isIn: boolean,
  parts: readonly (readonly [string, FieldSet])[],
): FieldSet {
  const kept = parts.filter(([, inner]) => !isEmpty(inner));
  return kept.length === 0 ? (isIn ? LEAF : NOTHING) : { isIn, parts: new Map(kept) };
}
