import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { LIMIT_ROWS } from "../../src/gateway/limits.ts";

const PATH = "docs/operating/gateway.md";
const BEGIN = "| limit | usually | from | to | meaning |\n";

test("the page on the gateway ends in its table of limits; UPDATE=1 rewrites it", () => {
  const page = readFileSync(PATH, "utf8");
  const [text = ""] = page.split(BEGIN);
  const rows = LIMIT_ROWS.map(({ name, otherwise, least, most, meaning }) => {
    return `| \`${name}\` | ${otherwise} | ${least} | ${most} | ${meaning} |\n`;
  });
  const want = `${text}${BEGIN}|---|---|---|---|---|\n${rows.join("")}`;
  if (process.env["UPDATE"] === "1") writeFileSync(PATH, want);
  assert.equal(readFileSync(PATH, "utf8"), want);
});
