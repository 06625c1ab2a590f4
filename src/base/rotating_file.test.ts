import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { RotatingFile } from "./rotating_file.ts";

test("a log keeps to its room, its newest lines, and its owner", async () => {
  const directory = mkdtempSync(join(tmpdir(), "varve-log-"));
  const path = join(directory, "logs", "audit.log");
  const onError = (thrown: unknown) => assert.fail(String(thrown));
  const file = new RotatingFile({ path, fileBytesMax: 100, filesMax: 3, onError });
  for (let line = 0; line < 100; line += 1) {
    file.append(`line ${line}`);
    if (line % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  file[Symbol.dispose]();
  const names = readdirSync(join(directory, "logs"));
  assert.deepEqual(names.sort(), ["audit.log", "audit.log.1", "audit.log.2"]);
  const texts = ["audit.log.2", "audit.log.1", "audit.log"].map((name) =>
    readFileSync(join(directory, "logs", name), "utf8"),
  );
  assert(texts.every((text) => text.length <= 100));
  const lines = texts.join("").trim().split("\n");
  const first = 100 - lines.length;
  assert.deepEqual(
    lines,
    lines.map((_, index) => `line ${first + index}`),
  );
  assert.equal(statSync(path).mode & 0o777, 0o600);
  rmSync(directory, { recursive: true });
});

test("a log that cannot be written says so once, and stops nobody", async () => {
  const directory = mkdtempSync(join(tmpdir(), "varve-log-"));
  const path = join(directory, "log");
  mkdirSync(path);
  const errors: unknown[] = [];
  const onError = (thrown: unknown) => void errors.push(thrown);
  using file = new RotatingFile({ path, fileBytesMax: 100, filesMax: 2, onError });
  for (let line = 0; line < 3; line += 1) {
    file.append("line");
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.match(String(errors), /^Error: EISDIR/);
  rmSync(directory, { recursive: true });
  file.append("line");
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(readFileSync(path, "utf8"), "line\n");
  rmSync(directory, { recursive: true });
});
