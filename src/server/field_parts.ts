import type { Shape } from "../base/schema.ts";
import { shapeOf } from "../base/schema_reading.ts";
import { isObject } from "./merge_patch.ts";

/** A field of an object or an element of a list, and how it is told from its sisters. */
export interface Part {
  /** As `fieldsV1` of Kubernetes writes it: `f:name`, `k:{"name":"a"}` or `v:"a"`. */
  readonly id: string;
  readonly shape: Shape;
  readonly value: unknown;
}

/**
 * What a value is made of, when its parts can belong to different writers. Nothing when it belongs
 * to one as a whole: a number, a text, or a list whose elements have no key.
 */
export function partsOf(shape: Shape, value: unknown): readonly Part[] | undefined {
  if (Array.isArray(value)) return elementsOf(shape, value);
  if (!isObject(value)) return undefined;
  return Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .map(([key, inner]) => ({ id: `f:${key}`, shape: shapeOf(shape, key) ?? {}, value: inner }));
}

/** Whether the parts are named by who writes them, and not by the schema. */
export function isMap({ properties, items }: Shape): boolean {
  return properties === undefined && items === undefined;
}

/** The fields that tell the elements of a list apart. */
export function keysOf(shape: Shape): readonly string[] {
  return shape["x-kubernetes-list-map-keys"] ?? [];
}

/** A part as people read it: `.image`, `[name="a"]` or `[="a"]`. */
export function readableOf(id: string): string {
  const [sort, said] = [id.slice(0, 1), id.slice(2)];
  if (sort === "f") return `.${said}`;
  if (sort === "i") return `[${said}]`;
  if (sort === "v") return `[=${said}]`;
  const keys = Object.entries(JSON.parse(said)).map(([key, it]) => `${key}=${JSON.stringify(it)}`);
  return `[${keys.join(",")}]`;
}

function elementsOf(shape: Shape, list: readonly unknown[]): readonly Part[] | undefined {
  const { items = {} } = shape;
  const type = shape["x-kubernetes-list-type"];
  if (type === "set") {
    return list.map((value) => ({ id: `v:${JSON.stringify(value)}`, shape: items, value }));
  }
  if (type !== "map") return undefined;
  const keys = keysOf(shape);
  return list.map((value) => ({ id: idOf(items, value, keys), shape: items, value }));
}

function idOf(items: Shape, element: unknown, keys: readonly string[]): string {
  const said = isObject(element) ? element : {};
  const values = keys.toSorted().map((key) => {
    const inner = Object.hasOwn(said, key) ? said[key] : shapeOf(items, key)?.default;
    return [key, inner ?? null];
  });
  return `k:${JSON.stringify(Object.fromEntries(values))}`;
}
