import assert from "node:assert/strict";
import { test } from "node:test";
import { type Chance, seededChance, systemChance } from "../base/chance.ts";
import { repeatedFields } from "../base/repeated_fields.ts";
import { readSent } from "./body.ts";

const JSON_TYPE = { "content-type": "application/json" };

function sent(text: string) {
  return readSent(JSON_TYPE, Buffer.from(text));
}

for (const { title, text, repeated } of [
  { title: "nothing twice", text: '{"a":{"b":1},"c":[{"b":1},{"b":1}]}', repeated: [] },
  { title: "a field twice", text: '{"a":1,"a":1}', repeated: ["a"] },
  { title: "an inner field twice", text: '{"a":[{"b":1,"b":2}]}', repeated: ["a[0].b"] },
  { title: "a field in two spellings", text: '{"a":1,"\\u0061":2}', repeated: ["a"] },
  { title: "a field with blanks behind it twice", text: '{"a"\n\t:1,"a" :2}', repeated: ["a"] },
  { title: "what looks like fields in a text", text: '{"a":"\\"b\\":1,\\"b\\":2"}', repeated: [] },
  { title: "a text that ends like a field", text: '{"a":"b\\"","c":":"}', repeated: [] },
  { title: "__proto__ twice", text: '{"__proto__":1,"__proto__":2}', repeated: ["__proto__"] },
]) {
  test(`of a body that says ${title}, that is told`, () => {
    assert.deepEqual(sent(text).repeated, repeated);
  });
}

test("what is said twice is found in any body as by looking at each field", () => {
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance = seededChance(seed);
  for (let run = 0; run < 5000; run += 1) {
    const text = anyJson(chance, 4);
    assert.deepEqual(sent(text).repeated, repeatedFields(text), `seed ${seed}: ${text}`);
  }
});

const TEXTS = ['"a"', '"b"', '"a:"', '"\\":"', '":"', '"\\\\"', '" "', '"\\u0061"'];

function anyJson(chance: Chance, depth: number): string {
  const any = (count: number) => Math.floor(chance.fraction() * count);
  const text = () => TEXTS[any(TEXTS.length)] ?? "";
  const blank = () => ["", "", " ", "\n\t"][any(4)] ?? "";
  const inner = () => `${blank()}${anyJson(chance, depth - 1)}${blank()}`;
  const sort = depth === 0 ? any(2) : any(4);
  if (sort === 0) return ["null", "1", "true"][any(3)] ?? "";
  if (sort === 1) return text();
  const each = Array.from({ length: any(4) }, () =>
    sort === 2 ? inner() : `${blank()}${text()}${blank()}:${inner()}`,
  );
  return sort === 2 ? `[${each.join(",")}]` : `{${each.join(",")}}`;
}

test("objects may stand a hundred deep in each other, and no deeper", () => {
  const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
  assert.deepEqual(sent(nested(100)).repeated, []);
  assert.throws(() => sent(nested(101)), /100 deep in each other, and these stand deeper/);
  assert.throws(() => sent("[".repeat(200_000) + "]".repeat(200_000)), /deeper/);
});
