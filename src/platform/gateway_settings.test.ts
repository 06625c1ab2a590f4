import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, readConfig } from "./config.ts";

const ENV = { HOME: "/home/me" };
const limitsOf = (text: string) => readConfig(["--gateway-limits", text], ENV).gatewayLimits;

test("limits are set by their names, in any order", () => {
  const limits = { keepAliveMs: 30_000, queueMax: 500 };
  assert.deepEqual(limitsOf("queueMax=500, keepAliveMs=30000,"), limits);
  assert.deepEqual(limitsOf(""), {});
});

const BAD = [
  { text: "headMs=10s", says: /is "headMs=10s": want NAME=N with a whole number$/ },
  { text: "headMs=1=2", says: /is "headMs=1=2": want NAME=N with a whole number$/ },
  { text: "headMs=0", says: /is "headMs=0": headMs must be a whole number from 1 to 86400000: 0$/ },
  { text: "head=1", says: /is "head=1": there is no limit "head": there are headBytesMax, / },
  {
    text: "headMs=1,headMs=2",
    says: /is "headMs=1,headMs=2": headMs is there twice: want it once/,
  },
];

for (const { text, says } of BAD)
  test(`${text} is refused with the rule`, () => {
    assert.throws(
      () => limitsOf(text),
      (thrown) => thrown instanceof ConfigError && says.test(thrown.message),
    );
  });
