import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { SETTINGS } from "../../src/platform/config.ts";

const PATH = "docs/operating/configuration.md";

test("the page on configuration is that of the table of settings; UPDATE=1 rewrites it", () => {
  const page = pageOf();
  if (process.env["UPDATE"] === "1") writeFileSync(PATH, page);
  assert.equal(readFileSync(PATH, "utf8"), page);
});

function pageOf(): string {
  const rows = SETTINGS.map(({ flag, value, variable, otherwise, meaning }) => {
    const said = value === undefined ? `--${flag}` : `--${flag} ${value}`;
    return `| \`${said}\` | \`${variable}\` | ${otherwise} | ${meaning} |`;
  });
  return [
    "# Configuration",
    "",
    "Of `varve serve`: by flag, or by the environment where there is no flag. What is not known is",
    "refused. What changes while it runs is an object of the API, and not here.",
    "",
    "| flag | in the environment | otherwise | meaning |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
