import assert from "node:assert/strict";
import { test } from "node:test";
import { seededChance } from "../base/chance.ts";
import { type ObjectSchema, t } from "../base/schema.ts";
import { changesBetween } from "./field_changes.ts";
import { withApplied, withoutFields } from "./field_merge.ts";
import {
  type FieldSet,
  fieldsIn,
  isEmpty,
  minus,
  NOTHING,
  pathsOf,
  readFields,
  shared,
  union,
  writeFields,
} from "./field_set.ts";

const item = t.Object({
  name: t.String(),
  port: t.Optional(t.Integer({ default: 80 })),
  x: t.Open(),
});
const shape: ObjectSchema = t.Object({
  by: t.MapList(item, "name", "port"),
  set: t.SetOf(t.String()),
  whole: t.Array(t.String()),
  labels: t.MapOf(t.String()),
  deep: t.Object({ a: t.Integer(), b: t.Open() }),
});

test("fields are written as Kubernetes writes them", () => {
  const value = {
    by: [{ name: "a", x: { y: 1 } }],
    set: ["s"],
    whole: ["w"],
    labels: { "b/c": "1" },
    deep: { a: 1, b: {} },
  };
  const fields = fieldsIn(shape, value);
  assert.deepEqual(writeFields(fields), {
    "f:by": {
      'k:{"name":"a","port":80}': { ".": {}, "f:name": {}, "f:x": { "f:y": {} } },
    },
    "f:deep": { "f:a": {}, "f:b": {} },
    "f:labels": { "f:b/c": {} },
    "f:set": { 'v:"s"': {} },
    "f:whole": {},
  });
  assert.deepEqual(pathsOf(fields).slice(0, 3), [
    '.by[name="a",port=80]',
    '.by[name="a",port=80].name',
    '.by[name="a",port=80].x.y',
  ]);
});

const chance = seededChance(Number(process.env["SEED"] ?? 20260101));
const some = <T>(list: readonly T[]) => list.filter(() => chance.fraction() < 0.5);

function randomValue(): Record<string, unknown> {
  const number = () => Math.floor(chance.fraction() * 3);
  const elements = some(["a", "b", "c"]).map((name) => {
    return { name, ...(chance.fraction() < 0.5 && { x: { y: number() } }) };
  });
  const labels = Object.fromEntries(
    ["z", ...some(["k", "l"])].map((key) => [key, String(number())]),
  );
  return Object.fromEntries(
    some([
      ["by", elements],
      ["set", some(["s", "t"])],
      ["whole", some(["v", "w"])],
      ["labels", labels],
      ["deep", { a: number(), b: { c: { d: number() } } }],
    ]),
  );
}

/** As of a resource, which is never empty itself. */
function fieldsAt(value: unknown): FieldSet {
  return { ...fieldsIn(shape, value), isIn: false };
}

test("sets of fields add up, survive being written, and tell what a write did", () => {
  for (let round = 0; round < 500; round += 1) {
    const [before, after] = [randomValue(), randomValue()];
    const [one, other] = [fieldsAt(before), fieldsAt(after)];
    const said = JSON.stringify({ round, before, after });
    const both = union(one, other);
    const same = (left: unknown, right: unknown) => assert.deepEqual(left, right, said);
    same(writeFields(readFields(writeFields(one))), writeFields(one));
    same(writeFields(union(minus(both, other), shared(both, other))), writeFields(both));
    same(isEmpty(shared(minus(one, other), other)), true);
    const { set, removed } = changesBetween(shape, before, after);
    same(isEmpty(minus(set, other)), true);
    same(isEmpty(shared(minus(removed, one), one)), true);
    const merged = withApplied(shape, before, after);
    const again = changesBetween(shape, merged, withApplied(shape, merged, after));
    same([isEmpty(again.set), isEmpty(again.removed)], [true, true]);
    same(isEmpty(minus(other, fieldsAt(merged))), true);
    same(withoutFields(shape, before, { gone: one, kept: one }), before);
    const left = withoutFields(shape, before, { gone: one, kept: NOTHING });
    same(left === undefined || isEmpty(one) || isEmpty(fieldsAt(left)), true);
  }
});
