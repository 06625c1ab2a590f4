import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { makeTerminationFile, readTerminationMessage } from "./termination_message.ts";

let directory = "";
let file = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "varve-termination-"));
  file = makeTerminationFile(directory).Source ?? "";
});
afterEach(() => rmSync(directory, { recursive: true }));

test("a run has an empty file that anybody may write to, at the path it asked for", () => {
  assert.deepEqual(makeTerminationFile(directory, "/why"), {
    ...{ Type: "bind", Source: file, Target: "/why", ReadOnly: false },
  });
  assert.equal(makeTerminationFile(directory).Target, "/dev/termination-log");
  const { size, mode } = statSync(file);
  assert.deepEqual([size, mode & 0o777], [0, 0o666]);
  assert.equal(readTerminationMessage(directory), "");
});

test("what was written is told as it is, and the next run begins with another file", () => {
  const before = openSync(file, "a");
  writeSync(before, "no database\n");
  assert.equal(readTerminationMessage(directory), "no database\n");
  makeTerminationFile(directory);
  writeSync(before, "late");
  closeSync(before);
  assert.equal(readTerminationMessage(directory), "");
});

const SIZES = [
  { title: "4,096 bytes are all told", text: `<${"x".repeat(4095)}`, says: `<${"x".repeat(4095)}` },
  { title: "of one more the last are", text: `<${"x".repeat(4096)}`, says: "x".repeat(4096) },
  { title: "no character is told in part", text: "é".repeat(3000).concat("x"), says: /^é{2047}x$/ },
  { title: "NULs are left out", text: "\0\0no\0 database", says: "no database" },
];

for (const { title, text, says } of SIZES)
  test(`of what a run left ${title}`, () => {
    writeFileSync(file, text);
    const told = readTerminationMessage(directory) ?? "";
    if (typeof says === "string") assert.equal(told, says);
    else assert.match(told, says);
  });

test("of a file that is huge only the end is read, and of one of bytes a text is told", () => {
  truncateSync(file, 2 ** 40);
  appendFileSync(file, "the end");
  assert.equal(readTerminationMessage(directory), "the end");
  writeFileSync(file, Buffer.from([0xff, 0x41, 0xc3]));
  assert.equal(readTerminationMessage(directory), "\ufffdA\ufffd");
});

test("a link, a directory and a pipe are not read, and nobody waits for them", () => {
  const told = (make: () => void) => {
    rmSync(file, { recursive: true });
    make();
    return readTerminationMessage(directory);
  };
  assert.equal(
    told(() => symlinkSync("/etc/passwd", file)),
    undefined,
  );
  assert.equal(
    told(() => mkdirSync(file)),
    undefined,
  );
  assert.equal(
    told(() => execFileSync("mkfifo", [file])),
    undefined,
  );
  assert.equal(
    told(() => {}),
    undefined,
    "there was none",
  );
});
