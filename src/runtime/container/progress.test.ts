import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogLine } from "../../base/log_line.ts";
import { Progress } from "./progress.ts";

function line(text: string): LogLine {
  return { at: `2026-01-01T00:00:0${text.slice(0, 1)}.000000Z`, from: "a/b", run: 0, text };
}

const ALL = ["1a", "2a", "2b", "2c", "3a"].map(line);
const textsOf = (lines: readonly LogLine[]) => lines.map(({ text }) => text);

test("wherever reading breaks off and begins again, each line is taken once", () => {
  for (let broken = 0; broken <= ALL.length; broken += 1) {
    const progress = new Progress();
    const first = progress.take(ALL.slice(0, broken));
    progress.beginAgain();
    const since = ALL.filter(({ at }) => at >= progress.at);
    assert.deepEqual(textsOf([...first, ...progress.take(since)]), textsOf(ALL), `at ${broken}`);
  }
});

test("lines that the log had before are counted", () => {
  const progress = new Progress();
  for (const known of ALL.slice(0, 3)) progress.count(known);
  progress.beginAgain();
  assert.deepEqual(textsOf(progress.take(ALL)), ["2c", "3a"]);
});
