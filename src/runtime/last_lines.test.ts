import assert from "node:assert/strict";
import { test } from "node:test";
import { lastLines, lastWords } from "./last_lines.ts";

const numbered = (count: number) => Array.from({ length: count }, (_, n) => `line ${n + 1}`);

test("80 lines of an output are told at most", () => {
  assert.equal(lastWords(numbered(80)), numbered(80).join("\n"));
  assert.equal(lastWords(numbered(100)), numbered(100).slice(20).join("\n"));
  assert.equal(lastWords([]), "");
});

test("2,048 bytes of an output are told at most, also where lines are long", () => {
  const long = "x".repeat(1000);
  assert.equal(
    lastWords(["one", long, long]),
    `${"one".slice(-46)}\n${long}\n${long}`.slice(-2048),
  );
  assert.equal(lastWords(["<", "y".repeat(5000)]), "y".repeat(2048));
  assert.equal(lastWords(["<", long, long, long]).length, 2048);
});

test("what is kept for that is bounded, and says the same", () => {
  const lines = numbered(1000).map((line) => line.padEnd(100, "."));
  const kept = lastLines(lines);
  assert.equal(kept.length, 21);
  assert.equal(lastWords(kept), lastWords(lines));
  assert.equal(lastWords(lastLines([...kept, "more"])), lastWords([...lines, "more"]));
});
