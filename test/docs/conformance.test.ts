import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

/** Every rule of the specification that has a number, and every section with rules without one. */
const NUMBERED: Readonly<Record<string, number>> = {
  ...{ "S-": 25, E: 3, L: 14, R: 8, C: 7, "NE-": 5, "ERR-": 15, W: 5, "O-": 6, "§10.5 #": 15 },
};
const LETTERED = ["NE-3b", "NE-4b"];
const SECTIONS = [
  ...["§3.1", "§3.5", "§3.6", "§3.8"],
  ...Array.from({ length: 12 }, (_, at) => `§4.${at + 1}`),
  ...["§5", "§6", "§9", "§10.3", "§10.4", "§10.6", "§10.7"],
  ...["§11.1", "§11.3", "§11.4", "§12.1", "§12.2", "§12.3", "§12.4", "§12.5"],
];
const KINDS = ["ServiceSpec", "ServiceStatus", "ConfigurationSpec", "ConfigurationStatus"];
const MORE_KINDS = ["RouteSpec", "RouteStatus", "RevisionSpec", "RevisionStatus", "TrafficTarget"];

/** What stands where a test would when there is none, always with the reason. */
const WITHOUT_TEST = /^(Different|Not built|Open|Advice): .{20,}/;

interface Row {
  readonly id: string;
  readonly says: string;
  readonly shown: readonly string[];
}

const page = readFileSync("docs/conformance.md", "utf8");
const rows: readonly Row[] = page
  .split("\n")
  .filter((line) => /^\| (?!rule |---)/.test(line))
  .map((line) => {
    const [id = "", says = "", ...rest] = line.slice(2, -2).split(" | ");
    return { id, says, shown: rest.join(" | ").split("<br>") };
  });

test("docs/conformance.md has a row for every rule of the specification", () => {
  const ids = new Set(rows.map(({ id }) => id));
  const numbered = Object.entries(NUMBERED).flatMap(([prefix, count]) =>
    Array.from({ length: count }, (_, at) => `${prefix}${at + 1}`),
  );
  const lacking = [...numbered, ...LETTERED].filter((id) => !ids.has(id));
  const all = [...ids];
  lacking.push(...SECTIONS.filter((id) => !all.some((it) => it === id || it.startsWith(`${id} `))));
  lacking.push(...[...KINDS, ...MORE_KINDS].filter((it) => !ids.has(`§3.5 ${it}`)));
  assert.deepEqual(lacking, []);
  assert.equal(ids.size, rows.length, "no row is there twice");
});

for (const { id, says, shown } of rows) {
  test(`docs/conformance.md: ${id} is shown by tests that there are, or says why not`, () => {
    assert(says.length > 3, "it says what the rule is");
    for (const proof of shown) {
      if (WITHOUT_TEST.test(proof)) continue;
      const [, file = "", name = ""] = /^`([^`]+)` › (.+)$/.exec(proof) ?? [];
      assert(file !== "", `it is neither "\`FILE\` › TEST" nor a reason: ${proof}`);
      if (file.startsWith("npm run ")) checkScript(file.slice(8), name);
      else checkTest(file, name);
    }
  });
}

test("each story (NE) and each error (ERR) has a test that is named after it", () => {
  const stories = rows.filter(({ id }) => /^(NE|ERR)-/.test(id));
  const without = stories.filter(({ id, shown }) => {
    return !shown.some((proof) => new RegExp(`› .*\\b${id}\\b`).test(proof));
  });
  assert.deepEqual(without, []);
});

/** The suites of others name their tests themselves: here is only how they are run. */
function checkScript(script: string, name: string): void {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  assert(script in scripts, `there is no script "${script}"`);
  assert.match(name, /^Test\w+/);
}

/** In `name`, "…" stands for what differs from case to case, or cannot be read off the file. */
function checkTest(file: string, name: string): void {
  assert(existsSync(file), `there is no ${file}`);
  const text = readFileSync(file, "utf8");
  const isThere = titlesIn(text).some((title) => {
    const [found, ...filled] = patternOf(title).exec(name) ?? [];
    if (found === undefined) return false;
    const pieces = filled.flatMap((it) => it.split("…")).filter((it) => it.trim() !== "");
    return pieces.every((piece) => text.includes(piece));
  });
  assert(isThere, `there is no test "${name}" in ${file}`);
}

const LITERAL = /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)/;

/** What tests are called in a file: literally, by a template, or by the titles of a table. */
function titlesIn(text: string): readonly string[] {
  const called = new RegExp(`(?:\\btest\\(|\\.test\\(|\\btitle:)\\s*${LITERAL.source}`, "g");
  return [...text.matchAll(called)].map(([, literal = ""]) => {
    return literal.slice(1, -1).replaceAll(/\\(.)/g, "$1");
  });
}

function patternOf(title: string): RegExp {
  const fixed = title.split(/\$\{(?:[^{}]|\{[^{}]*\})*\}/);
  const escaped = fixed.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  return new RegExp(`^${escaped.join("(.+?)")}$`);
}
