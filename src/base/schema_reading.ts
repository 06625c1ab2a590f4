import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import type { Schema, Shape, Value } from "./schema.ts";

/** One thing wrong with a value: where, such as `traffic[1].percent`, and what. */
export interface Problem {
  readonly path: string;
  readonly keyword: string;
  readonly message: string;
  /** What stood there; `undefined` where something is missing. */
  readonly value: unknown;
}

export interface Reading<S extends Schema> {
  /** As the schema has it only when there are no problems. */
  readonly value: Value<S>;
  readonly problems: readonly Problem[];
  /** Paths of properties that the schema does not know. They are not in `value`. */
  readonly unknown: readonly string[];
  /** Those of them that say nothing: false, 0, "", [] or {}. */
  readonly empty: ReadonlySet<string>;
}

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const ajv = new Ajv({
  allErrors: true,
  allowUnionTypes: true,
  verbose: true,
  // They are ours, and the tests of the kinds check them: not each start anew.
  ...{ validateSchema: false, meta: false },
  formats: { "date-time": DATE_TIME },
  keywords: [
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
  ],
});
const compiled = new WeakMap<Schema, ValidateFunction>();

// No sensible resource comes near these; they keep a hostile one from costing more than a moment.
const LEVELS_MAX = 64;
const VALUES_MAX = 100_000;
const PROBLEMS_MAX = 100;

/**
 * Copies a value without what is unknown or null, as Kubernetes does; in a map of strings null is
 * the empty one. Says what is wrong: the first hundred problems, if there are so many.
 */
export function read<S extends Schema>(schema: S, value: unknown): Reading<S> {
  const tally: Tally = { values: 0, unknown: [], empty: new Set(), excess: undefined };
  const copy = pruned(schema, value, { path: "", level: 0, tally });
  const { unknown, empty, excess } = tally;
  const rest = { value: copy as Value<S>, unknown, empty };
  if (excess !== undefined) return { ...rest, problems: [excess] };
  const validate = compiled.get(schema) ?? ajv.compile(schema);
  compiled.set(schema, validate);
  const isGood = validate(copy);
  const errors = isGood ? [] : (validate.errors ?? []);
  return { ...rest, problems: errors.slice(0, PROBLEMS_MAX).map(toProblem) };
}

/** What is counted and collected on the way through one value. */
interface Tally {
  values: number;
  readonly unknown: string[];
  readonly empty: Set<string>;
  excess: Problem | undefined;
}

interface Pruning {
  readonly path: string;
  readonly level: number;
  readonly tally: Tally;
}

function pruned(shape: Shape, value: unknown, { path, level, tally }: Pruning): unknown {
  tally.values += 1;
  if (level > LEVELS_MAX) tally.excess ??= tooMuch(path, `${LEVELS_MAX} levels deep`);
  if (tally.values > VALUES_MAX) tally.excess ??= tooMuch("", `${VALUES_MAX} values`);
  if (tally.excess !== undefined) return undefined;
  if (typeof value !== "object" || value === null) return value;
  const inside = { level: level + 1, tally };
  if (Array.isArray(value)) {
    const items = shape.items ?? {};
    return value.map((item, index) =>
      pruned(items, item, { path: `${path}[${index}]`, ...inside }),
    );
  }
  const copy: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    const known = key === "__proto__" ? undefined : shapeOf(shape, key);
    const at = joined(path, key);
    if (inner === null) {
      if (isMapOfStrings(shape) && known !== undefined) copy[key] = "";
    } else if (known === undefined) {
      tally.unknown.push(at);
      if (isEmpty(inner)) tally.empty.add(at);
    } else copy[key] = pruned(known, inner, { path: at, ...inside });
  }
  return copy;
}

function tooMuch(path: string, what: string): Problem {
  return { path, keyword: "limit", message: `must be at most ${what}`, value: undefined };
}

function isMapOfStrings({ additionalProperties: others }: Shape): boolean {
  return typeof others === "object" && others.type === "string";
}

/** Whether a value says no more than its absence would. */
function isEmpty(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === false || value === 0 || value === "";
}

/** The shape of one property, or nothing when there may be none of that name. */
export function shapeOf(shape: Shape, key: string): Shape | undefined {
  const own = shape.properties;
  if (own !== undefined && Object.hasOwn(own, key)) return own[key];
  const { additionalProperties: others } = shape;
  if (typeof others === "object") return others;
  return others === false ? undefined : {};
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** "spec" and "traffic" are "spec.traffic"; what is no name is bracketed: "labels[a.b/c]". */
export function joined(path: string, key: string): string {
  if (!NAME.test(key)) return `${path}[${key}]`;
  return path === "" ? key : `${path}.${key}`;
}

function toProblem({ instancePath, keyword, message, params, data }: ErrorObject): Problem {
  const steps = instancePath.split("/").slice(1);
  const parts = steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  if (keyword === "required") parts.push(String(params["missingProperty"]));
  const path = parts.reduce(joined, "");
  if (keyword === "required") return { path, keyword, message: "Required value", value: undefined };
  return { path, keyword, message: rule(keyword, params) ?? message ?? keyword, value: data };
}

function rule(keyword: string, params: Readonly<Record<string, unknown>>): string | undefined {
  if (keyword === "enum") return `must be one of ${quoted(params["allowedValues"])}`;
  if (keyword === "format") return 'must be a time of RFC 3339, such as "2026-01-01T00:00:00Z"';
  const type = params["type"];
  if (keyword !== "type" || !Array.isArray(type)) return undefined;
  return `must be ${type.join(" or ")}`;
}

function quoted(values: unknown): string {
  const list: readonly unknown[] = Array.isArray(values) ? values : [values];
  return list.map((value) => JSON.stringify(value)).join(", ");
}
