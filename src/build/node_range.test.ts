import assert from "node:assert/strict";
import { test } from "node:test";
import { isInRange } from "./node_range.ts";

const VERSION = "24.12.3";

for (const { ranges, expected } of [
  {
    expected: true,
    ranges: [
      ...["24", "24.x", "24.12", "24.12.3", "v24.12.3", "=24.12.3", "*", "", "x"],
      ...[">=20", ">= 20.0.0", ">20", ">=24.12.3", "<25", "<=24", "^24.1.0", "~24.12", "~24.12.0"],
      ...[
        "18 || >=22",
        "20 - 24",
        ">=20 <26",
        ">=20.1.0 <=24.12",
        "^18.0.0 || ^20.0.0 || >=22.0.0",
      ],
    ],
  },
  {
    expected: false,
    ranges: [
      ...["20", "24.11", "24.12.4", "<24", "<=24.11", ">24", ">24.12.3", ">=25", "^22.0.0"],
      ...["~24.11", "18 || 20", "16 - 22", ">=20 <24.12.3", "^0.10", "<=24.12.2"],
    ],
  },
  { expected: undefined, ranges: ["lts/*", "node 24", ">=latest", "24.12.3.4"] },
]) {
  for (const range of ranges) {
    const claim = { true: "is in", false: "is not in", undefined: "may or may not be in" };
    test(`${VERSION} ${claim[`${expected}`]} "${range}"`, () => {
      assert.equal(isInRange(VERSION, range), expected);
    });
  }
}
