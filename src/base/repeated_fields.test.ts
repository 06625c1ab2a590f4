import assert from "node:assert/strict";
import { test } from "node:test";
import { repeatedFields } from "./repeated_fields.ts";

const TEXTS = [
  { title: "nothing repeated", text: '{"a":{"b":1,"c":[{"d":1},{"d":2}]},"e":"}\\"{"}', says: [] },
  { title: "at the top", text: '{ "a": 1, "b": [ ], "a" : {} }', says: ["a"] },
  { title: "deep inside", text: '{"a":[1,{"b":{"c":null,"c":true}}]}', says: ["a[1].b.c"] },
  { title: "by another spelling", text: '{"a":1,"\\u0061":2}', says: ["a"] },
  { title: "no name", text: '{"x":{"a.b/c":"1","a.b/c":"2"}}', says: ["x[a.b/c]"] },
  { title: "a list of lists", text: '[[],[{}],-1.5e3,""]', says: [] },
  { title: "three times", text: '{"a":1,"a":2,"a":3}', says: ["a"] },
];

for (const { title, text, says } of TEXTS) {
  test(`fields that are said twice are found: ${title}`, () => {
    JSON.parse(text);
    assert.deepEqual(repeatedFields(text), says);
  });
}
