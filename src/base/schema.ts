/** What of a schema's JSON form decides about pruning and merging. */
export interface Shape {
  readonly type?: unknown;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[] | undefined;
  readonly additionalProperties?: boolean | Shape;
  readonly items?: Shape;
  readonly "x-kubernetes-list-type"?: "atomic" | "map" | "set";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  /** What stands in a `MapList` under one of its keys when nobody says. */
  readonly default?: unknown;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

declare const VALUE: unique symbol;
const OPTIONAL = Symbol("may be left out");

/** A JSON Schema; `T` is what has that form. */
export interface Schema<T = unknown> extends Shape {
  /** Never there: it carries the type. */
  readonly [VALUE]: T;
}

/** What an object of a schema may go without. */
interface OptionalSchema<T = unknown> extends Schema<T> {
  readonly [OPTIONAL]: true;
}

export interface ObjectSchema<P extends Properties = Properties> extends Schema<ObjectOf<P>> {
  readonly properties: P;
}

type Properties = Readonly<Record<string, Schema>>;

/** What has the form of a schema. */
export type Value<S extends Schema> = S extends Schema<infer T> ? T : never;

type Left<P extends Properties> = {
  [K in keyof P]: P[K] extends OptionalSchema ? K : never;
}[keyof P];

type ObjectOf<P extends Properties> = Flat<
  { readonly [K in Exclude<keyof P, Left<P>>]: Value<P[K]> } & {
    readonly [K in Left<P>]?: Value<P[K]>;
  }
>;

type Flat<T> = { [K in keyof T]: T[K] };

/** Any other words of JSON Schema, such as `minimum` or `format`. */
type More = Readonly<Record<string, unknown>>;

/**
 * Makes schemas of a kind that a Kubernetes CRD can hold as well: closed sets as `enum`, maps as
 * `additionalProperties`, and no references. So one schema serves everywhere.
 */
export const t = {
  Array: <V extends Schema>(items: V, more: More = {}) =>
    made<readonly Value<V>[]>({ type: "array", items, ...more }),
  Boolean: () => made<boolean>({ type: "boolean" }),
  Integer: (more: More = {}) => made<number>({ type: "integer", ...more }),
  Literal: <const L extends string | number>(value: L) =>
    made<L>({ type: typeof value, const: value }),
  Number: (more: More = {}) => made<number>({ type: "number", ...more }),
  Optional: <T>(schema: Schema<T>): OptionalSchema<T> => ({ ...schema, [OPTIONAL]: true }),
  String: (more: More = {}) => made<string>({ type: "string", ...more }),
  Unknown: () => made<unknown>({}),
  Object<P extends Properties>(properties: P): ObjectSchema<P> {
    const required = Object.keys(properties).filter(
      (key) => !(OPTIONAL in (properties[key] ?? {})),
    );
    const rule = { ...(required.length > 0 && { required }), additionalProperties: false };
    return { ...made<ObjectOf<P>>({ type: "object", ...rule }), properties };
  },
  MapOf: <V extends Schema>(value: V) =>
    made<Readonly<Record<string, Value<V>>>>({ type: "object", additionalProperties: value }),
  OneOf: <const S extends string>(...values: readonly S[]) =>
    made<S>({ type: "string", enum: values }),
  /** A number or its text, such as a port by number or name, or a quantity: 1, "500m", "64Mi". */
  IntOrString: () =>
    made<number | string>({ type: ["integer", "string"], "x-kubernetes-int-or-string": true }),
  /** A list that is merged element by element, by what each has under the keys. */
  MapList: <V extends Schema>(value: V, ...keys: readonly [string, ...string[]]) =>
    t.Array(value, { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys }),
  /** A list of words that each stand there once, and are added and taken away one by one. */
  SetOf: <V extends Schema>(value: V) => t.Array(value, { "x-kubernetes-list-type": "set" }),
  /** An object we keep as it is and never look into. */
  Open: () =>
    made<Readonly<Record<string, unknown>>>({
      type: "object",
      "x-kubernetes-preserve-unknown-fields": true,
    }),
} as const;

/** The one place that says what has the form of a schema: the test beside it asks Ajv. */
function made<T>(schema: More): Schema<T> {
  return schema as unknown as Schema<T>;
}
