import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import Type, { type Static, type TObject, type TProperties, type TSchema } from "typebox";

/**
 * All we use of TypeBox, kept to what a Kubernetes CRD can hold as well: closed sets as `enum`,
 * maps as `additionalProperties`, and no references. So one schema serves everywhere.
 */
export const t = {
  Array: Type.Array,
  Boolean: Type.Boolean,
  Integer: Type.Integer,
  Literal: Type.Literal,
  Number: Type.Number,
  Optional: Type.Optional,
  String: Type.String,
  Unknown: Type.Unknown,
  Object: <P extends TProperties>(properties: P) =>
    Type.Object(properties, { additionalProperties: false }),
  MapOf: <V extends TSchema>(value: V) =>
    Type.Unsafe<Record<string, Static<V>>>({ type: "object", additionalProperties: value }),
  OneOf: <const S extends string>(...values: readonly S[]) =>
    Type.Unsafe<S>({ type: "string", enum: values }),
  /** A number or its text, such as a port by number or name, or a quantity: 1, "500m", "64Mi". */
  IntOrString: () =>
    Type.Unsafe<number | string>({
      type: ["integer", "string"],
      "x-kubernetes-int-or-string": true,
    }),
  /** A list that is merged element by element, by what each has under `key`. */
  MapList: <V extends TSchema>(value: V, key: string) =>
    Type.Array(value, { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key] }),
  /** An object we keep as it is and never look into. */
  Open: () =>
    Type.Unsafe<Record<string, unknown>>({
      type: "object",
      "x-kubernetes-preserve-unknown-fields": true,
    }),
};

export type Schema = TSchema;
export type ObjectSchema = TObject;
export type Value<S extends Schema> = Frozen<Static<S>>;

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

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
}

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const ajv = new Ajv({
  allErrors: true,
  allowUnionTypes: true,
  verbose: true,
  formats: { "date-time": DATE_TIME },
  keywords: [
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
  ],
});
const compiled = new WeakMap<Schema, ValidateFunction>();

/** Copies a value without what is unknown or null, as Kubernetes does. Says what is wrong. */
export function read<S extends Schema>(schema: S, value: unknown): Reading<S> {
  const unknown: string[] = [];
  const copy = pruned(schema, value, { path: "", unknown });
  const validate = compiled.get(schema) ?? ajv.compile(schema);
  compiled.set(schema, validate);
  const isGood = validate(copy);
  const problems = isGood ? [] : (validate.errors ?? []).map(toProblem);
  return { value: copy as Value<S>, problems, unknown };
}

interface Pruning {
  readonly path: string;
  readonly unknown: string[];
}

/** What of a schema's JSON form decides about pruning and merging. */
export interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly additionalProperties?: boolean | Shape;
  readonly items?: Shape;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

function pruned(shape: Shape, value: unknown, pruning: Pruning): unknown {
  const { path, unknown } = pruning;
  if (Array.isArray(value)) {
    const items = shape.items ?? {};
    return value.map((item, index) => pruned(items, item, { path: `${path}[${index}]`, unknown }));
  }
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (inner === null) continue;
    const known = key === "__proto__" ? undefined : shapeOf(shape, key);
    const at = joined(path, key);
    if (known === undefined) unknown.push(at);
    else copy[key] = pruned(known, inner, { path: at, unknown });
  }
  return copy;
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
function joined(path: string, key: string): string {
  if (!NAME.test(key)) return `${path}[${key}]`;
  return path === "" ? key : `${path}.${key}`;
}

function toProblem({ instancePath, keyword, message, params, data }: ErrorObject): Problem {
  const steps = instancePath.split("/").slice(1);
  const parts = steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  if (keyword === "required") parts.push(String(params["missingProperty"]));
  const path = parts.reduce(joined, "");
  if (keyword === "required") return { path, keyword, message: "Required value", value: undefined };
  const said = keyword === "enum" ? `must be one of ${quoted(params["allowedValues"])}` : message;
  return { path, keyword, message: said ?? keyword, value: data };
}

function quoted(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(", ");
}
