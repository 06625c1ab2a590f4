import assert from "node:assert/strict";
import { test } from "node:test";
import { type ObjectSchema, t } from "./schema.ts";
import { type Problem, read, shapeOf } from "./schema_reading.ts";

const item = t.Object({ name: t.String(), size: t.Optional(t.IntOrString()) });
const schema = t.Object({
  name: t.Optional(t.String()),
  count: t.Optional(t.Integer()),
  isOn: t.Optional(t.Boolean()),
  color: t.Optional(t.OneOf("red", "green")),
  at: t.Optional(t.String({ format: "date-time" })),
  labels: t.Optional(t.MapOf(t.String())),
  sizes: t.Optional(t.MapOf(t.IntOrString())),
  items: t.Optional(t.MapList(item, "name")),
  open: t.Optional(t.Open()),
  inner: t.Optional(t.Object({ deep: t.Optional(t.Object({ x: t.Optional(t.String()) })) })),
});

test("what the schema knows is copied as it is", () => {
  const value = {
    name: "",
    count: -3,
    isOn: false,
    color: "red",
    at: "2026-01-01T00:00:00.123456Z",
    labels: { "a.b/c": "d" },
    sizes: { cpu: 1, memory: "64Mi" },
    items: [{ name: "a", size: "1" }, { name: "a" }],
    open: { any: [{ thing: null }, 1.5] },
    inner: {},
  };
  const reading = read(schema, value);
  assert.deepEqual(reading.problems, []);
  assert.deepEqual(reading.value, { ...value, open: { any: [{}, 1.5] } });
  assert.notEqual(reading.value, value);
});

test("null is as if left out, and in a map of strings the empty one", () => {
  const nothing = { name: null, labels: { a: null }, sizes: { cpu: null }, inner: { deep: null } };
  const reading = read(schema, nothing);
  assert.deepEqual(reading, {
    value: { labels: { a: "" }, sizes: {}, inner: {} },
    problems: [],
    unknown: [],
    empty: new Set(),
  });
});

test("what is undefined, as no JSON but a caller in this process may have it, is left out", () => {
  const reading = read(schema, { name: undefined, labels: { a: undefined }, other: undefined });
  assert.deepEqual(Object.keys(reading.value), ["labels"]);
  assert.deepEqual(reading.value.labels, {});
  assert.deepEqual([reading.problems, reading.unknown], [[], []]);
});

test("a null in a list is a problem, for lists have no holes", () => {
  assert.deepEqual(problemsOf({ items: [null] }), ["items[0]: type: must be object"]);
});

test("what is unknown is dropped and told by its path, and whether it says anything", () => {
  const value = {
    nmae: "x",
    idle: [],
    inner: { deep: { y: { z: 1 }, w: false } },
    items: [{ name: "a", "odd.key": 0, other: { a: 1 } }],
  };
  const reading = read(schema, value);
  assert.deepEqual(reading.value, { inner: { deep: {} }, items: [{ name: "a" }] });
  const unknown = ["nmae", "idle", "inner.deep.y", "inner.deep.w"];
  assert.deepEqual(reading.unknown, [...unknown, "items[0][odd.key]", "items[0].other"]);
  assert.deepEqual([...reading.empty], ["idle", "inner.deep.w", "items[0][odd.key]"]);
});

test("names of prototypes are names like others, and __proto__ is never known", () => {
  const value = JSON.parse(
    '{"constructor": {"a": 1}, "toString": 1, "__proto__": {"name": "evil"},' +
      '"labels": {"constructor": "x", "__proto__": "y", "hasOwnProperty": "z"},' +
      '"open": {"__proto__": {"isAdmin": true}}}',
  );
  const reading = read(schema, value);
  assert.deepEqual(reading.value, {
    labels: { constructor: "x", hasOwnProperty: "z" },
    open: {},
  });
  const inside = ["labels.__proto__", "open.__proto__"];
  assert.deepEqual(reading.unknown, ["constructor", "toString", "__proto__", ...inside]);
  assert.equal(Object.getPrototypeOf(reading.value), Object.prototype);
  const shape: ObjectSchema = schema;
  assert.equal(shapeOf(shape, "toString"), undefined);
});

const WRONG: readonly { readonly value: unknown; readonly says: readonly string[] }[] = [
  { value: "text", says: [": type: must be object"] },
  { value: [], says: [": type: must be object"] },
  { value: { count: 1.5 }, says: ["count: type: must be integer"] },
  { value: { count: "1" }, says: ["count: type: must be integer"] },
  { value: { isOn: "true" }, says: ["isOn: type: must be boolean"] },
  { value: { name: 1 }, says: ["name: type: must be string"] },
  { value: { color: "blue" }, says: ['color: enum: must be one of "red", "green"'] },
  {
    value: { at: "yesterday" },
    says: ['at: format: must be a time of RFC 3339, such as "2026-01-01T00:00:00Z"'],
  },
  { value: { sizes: { cpu: 0.5 } }, says: ["sizes.cpu: type: must be integer or string"] },
  { value: { sizes: { cpu: {} } }, says: ["sizes.cpu: type: must be integer or string"] },
  { value: { labels: { "a.b/~c": 1 } }, says: ["labels[a.b/~c]: type: must be string"] },
  { value: { labels: { 0: {} } }, says: ["labels[0]: type: must be string"] },
  { value: { open: 1 }, says: ["open: type: must be object"] },
  { value: { items: {} }, says: ["items: type: must be array"] },
  {
    value: { items: [{ name: "a" }, {}, { name: [] }] },
    says: ["items[1].name: required: Required value", "items[2].name: type: must be string"],
  },
  {
    value: { inner: { deep: { x: [] } }, count: {} },
    says: ["count: type: must be integer", "inner.deep.x: type: must be string"],
  },
];

for (const { value, says } of WRONG) {
  test(`the schema refuses ${JSON.stringify(value)}`, () => {
    assert.deepEqual(problemsOf(value), says);
  });
}

test("a problem carries what stood there, and nothing where something is missing", () => {
  const [wrong] = read(schema, { count: "7" }).problems;
  assert.equal(wrong?.value, "7");
  const [missing] = read(schema, { items: [{}] }).problems;
  assert.equal(missing?.value, undefined);
});

test("what is too deep or too much is refused for that alone, and at once", () => {
  const deep = (levels: number) => JSON.parse(`${"[".repeat(levels)}${"]".repeat(levels)}`);
  const inside = `open.a${"[0]".repeat(63)}`;
  assert.deepEqual(problemsOf({ open: { a: deep(200_000) } }), [
    `${inside}: limit: must be at most 64 levels deep`,
  ]);
  assert.deepEqual(problemsOf({ open: { a: deep(60) } }), []);
  const many = { items: Array.from({ length: 200_000 }, () => 1) };
  assert.deepEqual(problemsOf(many), [": limit: must be at most 100000 values"]);
  const loop: unknown[] = [];
  loop.push(loop);
  assert.match(problemsOf({ open: { loop } }).join(), /at most 64 levels deep/);
});

test("of very many problems the first hundred are told", () => {
  const items = Array.from({ length: 5000 }, () => ({}));
  const said = problemsOf({ items });
  assert.equal(said.length, 100);
  assert.equal(said.at(-1), "items[99].name: required: Required value");
});

function problemsOf(value: unknown): readonly string[] {
  const say = ({ path, keyword, message }: Problem) => `${path}: ${keyword}: ${message}`;
  return read(schema, value).problems.map(say);
}
