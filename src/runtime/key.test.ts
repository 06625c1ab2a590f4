import assert from "node:assert/strict";
import { test } from "node:test";
import { keyOf } from "./key.ts";

test("a key is one step of a path, and no two names share one", () => {
  assert.equal(keyOf("default/hello-00001"), "default%2Fhello-00001");
  assert.equal(keyOf(".."), "%2E.");
  const long = `default/${"x".repeat(300)}`;
  assert.equal(keyOf(long).length, 120);
  assert.notEqual(keyOf(long), keyOf(`${long}y`));
});
