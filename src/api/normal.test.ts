import assert from "node:assert/strict";
import { test } from "node:test";
import { type Chance, seededChance } from "../base/chance.ts";
import { type ObjectSchema, t } from "../base/schema.ts";
import { differences, normal } from "./normal.ts";

test("what means nothing is left out, at any depth", () => {
  const sent = {
    a: "",
    b: [],
    c: {},
    d: { e: { f: {} }, g: undefined },
    h: [{ i: "", j: 1 }, {}, ""],
    k: 0,
    l: false,
    m: { emptyDir: {}, tcpSocket: {}, exec: {}, secretRef: {} },
    n: { port: 0, periodSeconds: 0, containerPort: 0, runAsUser: 0 },
  };
  assert.deepEqual(normal<unknown>(sent), {
    h: [{ j: 1 }, {}, ""],
    k: 0,
    l: false,
    m: { emptyDir: {}, tcpSocket: {}, exec: {}, secretRef: {} },
    n: { runAsUser: 0 },
  });
});

test("the zero below zero is zero", () => {
  assert(Object.is(normal({ a: JSON.parse("-0") }).a, 0));
});

test("a text that the shape requires stays, though it is empty", () => {
  const header = t.Object({ name: t.String(), value: t.String(), note: t.Optional(t.String()) });
  const shape: ObjectSchema = t.Object({ headers: t.Array(header) });
  const sent = { headers: [{ name: "", value: "", note: "" }] };
  assert.deepEqual(normal(sent, shape), { headers: [{ name: "", value: "" }] });
});

test("what is in its normal form stays as it is", () => {
  const seed = 17;
  const chance = seededChance(seed);
  for (let times = 0; times < 3000; times += 1) {
    const value = randomValue(chance, 4);
    const once = normal(value);
    assert.deepEqual(normal(once), once, `seed ${seed}: ${JSON.stringify(value)}`);
  }
});

test("differences are told by place, a line each", () => {
  const before = { a: 1, list: [{ x: "y" }, 2], gone: true, labels: { "a.b/c": "d" } };
  const after = { a: 2, list: [{ x: "z" }], labels: { "a.b/c": "e" }, made: { deep: [] } };
  assert.deepEqual(differences(before, after), [
    "a: -1 +2",
    'list[0].x: -"y" +"z"',
    "list[1]: -2",
    "gone: -true",
    'labels[a.b/c]: -"d" +"e"',
    'made: +{"deep":[]}',
  ]);
});

test("there is no difference where there is none, whatever the order of fields", () => {
  assert.deepEqual(differences({ a: 1, b: { c: [] } }, { b: { c: [] }, a: 1 }), []);
  assert.deepEqual(differences(undefined, undefined), []);
  assert.deepEqual(differences("a", undefined), [': -"a"']);
  assert.deepEqual(differences({}, { constructor: "x" }), ['constructor: +"x"']);
});

test("a long difference is cut", () => {
  const [line = ""] = differences({ a: "x".repeat(5000) }, { a: "y".repeat(5000) });
  assert(line.length < 500);
});

function randomValue(chance: Chance, depth: number): unknown {
  const pick = <T>(list: readonly T[]) => list[Math.floor(chance.fraction() * list.length)];
  if (depth === 0) return pick(["", "a", 0, -0, 1, true, false, null]);
  const items = Array.from({ length: Math.floor(chance.fraction() * 4) }, () =>
    randomValue(chance, depth - 1),
  );
  if (chance.fraction() < 0.3) return items;
  const keys = ["a", "port", "emptyDir", "exec", "timeoutSeconds", "value", "constructor"];
  return Object.fromEntries(items.map((item) => [pick(keys), item]));
}
