import assertNode from "node:assert/strict";
import { test } from "node:test";
import { AssertionError, assert } from "./assert.ts";

test("what holds passes, and is known to hold from then on", () => {
  const value: string | undefined = ["text"].at(0);
  assert(value !== undefined, "there is a first one");
  assertNode.equal(value.length, 4);
});

test("what does not hold throws an error of its own kind with the message", () => {
  for (const broken of [false, undefined, null, 0, "", Number.NaN]) {
    assertNode.throws(() => assert(broken, "the promise"), {
      name: "AssertionError",
      message: "the promise",
      constructor: AssertionError,
    });
  }
});
