import type { Shape } from "../base/schema.ts";
import { type Kind, schemaOf } from "./kind.ts";
import { FIELD_WORDS, KIND_WORDS } from "./words.ts";

/** A shape that says what it means. */
export interface Described extends Shape {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Described>>;
}

const described = new WeakMap<Kind, Described>();

/** The whole schema of a kind, with what each field means: what OpenAPI and CRDs show. */
export function describedOf(kind: Kind): Described {
  const known = described.get(kind);
  if (known !== undefined) return known;
  const shape = withWords(schemaOf(kind), kind.kind);
  const { description = KIND_WORDS[kind.kind] } = shape;
  const made = { ...shape, ...(description !== undefined && { description }) };
  described.set(kind, made);
  return made;
}

function withWords(shape: Described, parent: string): Described {
  const { properties, items, additionalProperties } = shape;
  const fields = Object.entries(properties ?? {}).map(([name, inner]) => {
    const said = withWords(inner, name);
    const words = FIELD_WORDS[`${parent}.${name}`] ?? FIELD_WORDS[name];
    return [name, { ...(words !== undefined && { description: words }), ...said }];
  });
  return {
    ...shape,
    ...(properties !== undefined && { properties: Object.fromEntries(fields) }),
    ...(items !== undefined && { items: withWords(items, parent) }),
    ...(typeof additionalProperties === "object" && {
      additionalProperties: withWords(additionalProperties, parent),
    }),
  };
}
