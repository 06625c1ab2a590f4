import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOf, pointOf } from "./sticky.ts";

for (const { title, keyOf } of [
  { title: "numbers that count up", keyOf: (at: number) => String(at) },
  {
    title: "numbers with zeros before",
    keyOf: (at: number) => `user-${String(at).padStart(8, "0")}`,
  },
  { title: "addresses", keyOf: (at: number) => `10.0.${at >> 8}.${at & 255}` },
]) {
  test(`a tenth of the points gets a tenth of the keys, though they are ${title}`, () => {
    const keys = 20_000;
    let below = 0;
    for (let at = 0; at < keys; at += 1)
      if (pointOf(keyOf(at), hashOf("default/a")) < 100) below += 1;
    // Five deviations of a binomial distribution on either side.
    assert(Math.abs(below - keys / 10) < 5 * Math.sqrt(keys * 0.09), `${below} of ${keys}`);
  });
}

test("another route has other people first", () => {
  const first = (route: string) => {
    const keys = Array.from({ length: 1000 }, (_, at) => String(at));
    return keys.filter((key) => pointOf(key, hashOf(route)) < 100);
  };
  const both = first("default/a").filter((key) => first("default/b").includes(key));
  assert(both.length < 40, `${both.length} of about 100 are the same`);
});
