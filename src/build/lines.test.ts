import assert from "node:assert/strict";
import { test } from "node:test";
import { LINE_CHARS_MAX } from "../base/line_log.ts";
import { Lines } from "./lines.ts";

for (const { title, chunks, lines } of [
  {
    title: "lines end by any of the three ends",
    chunks: ["a\nb\r\nc\rd"],
    lines: ["a", "b", "c", "d"],
  },
  { title: "a line may come in pieces", chunks: ["a", "b", "\nc", "\n"], lines: ["ab", "c"] },
  { title: "an end may be cut in two", chunks: ["a\r", "\nb\r", "c"], lines: ["a", "b", "c"] },
  { title: "empty lines are lines", chunks: ["\n\na"], lines: ["", "", "a"] },
  { title: "nothing is no line", chunks: [], lines: [] },
]) {
  test(title, () => assert.deepEqual(linesOf(chunks.map((chunk) => Buffer.from(chunk))), lines));
}

test("a character may be cut in two, and one that is cut off is told", () => {
  const bytes = Buffer.from("ü€");
  const pieces = [...bytes].map((byte) => Buffer.from([byte]));
  assert.deepEqual(linesOf(pieces), ["ü€"]);
  assert.deepEqual(linesOf([bytes.subarray(0, 1)]), ["\uFFFD"]);
});

test("a line without an end does not grow for ever", () => {
  const lines = linesOf([Buffer.alloc(LINE_CHARS_MAX, "a"), Buffer.alloc(LINE_CHARS_MAX, "a")]);
  assert.deepEqual(
    lines.map(({ length }) => length),
    [LINE_CHARS_MAX, LINE_CHARS_MAX],
  );
});

function linesOf(chunks: readonly Buffer[]): readonly string[] {
  const found: string[] = [];
  const lines = new Lines((line) => found.push(line));
  for (const chunk of chunks) lines.write(chunk);
  lines.end();
  return found;
}
