import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Spool } from "./spool.ts";

let directory = "";
let path = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "varve-spool-"));
  path = join(directory, "written");
});
afterEach(() => rmSync(directory, { recursive: true }));

test("lines are taken whole, and the last one without an end only at the end", () => {
  const spool = open();
  appendFileSync(path, "one\ntwo\nthr");
  assert.deepEqual(taken(spool), ["one", "two"]);
  appendFileSync(path, "ee\n\nfour");
  assert.deepEqual(taken(spool), ["three", ""]);
  assert.deepEqual(taken(spool), []);
  assert.deepEqual(taken(spool, true), ["four"]);
  assert.equal(spool.tail(), "one\ntwo\nthree\n\nfour");
});

test("whoever comes after us goes on where we were, and knows the last lines", () => {
  appendFileSync(path, "one\ntwo\n");
  assert.deepEqual(taken(open()), ["one", "two"]);
  appendFileSync(path, "three\n");
  assert.equal(open().tail(), "one\ntwo");
  assert.deepEqual(taken(open()), ["three"]);
});

test("what could not be delivered is taken again", () => {
  const spool = open();
  appendFileSync(path, "one\n");
  const refuse = () => {
    throw new Error("the disk is full");
  };
  assert.throws(() => spool.take(refuse));
  assert.deepEqual(taken(spool), ["one"]);
});

test("a file over its size is emptied in a pause, and its writer goes on", () => {
  const spool = open({ bytesMax: 20 });
  const fd = spool.openForWriting();
  writeSync(fd, `${"x".repeat(30)}\npart`);
  assert.equal(taken(spool).length, 1);
  assert.equal(statSync(path).size, 35);
  writeSync(fd, "y\n");
  assert.equal(
    spool.take(() => {}),
    "space",
  );
  assert.equal(
    spool.take(() => {}),
    "nothing",
  );
  assert.equal(statSync(path).size, 0);
  writeSync(fd, "next\n");
  assert.equal(statSync(path).size, 5);
  assert.deepEqual(taken(open({ bytesMax: 20 })), ["next"]);
});

test("a file of a writer that never pauses is emptied all the same", () => {
  const spool = open({ bytesMax: 20 });
  for (let n = 0; n < 100; n += 1) {
    appendFileSync(path, `line ${n}\n`);
    assert.deepEqual(taken(spool), [`line ${n}`]);
    assert(statSync(path).size < 200);
  }
});

test("a long line comes in pieces that end between characters", () => {
  const spool = open();
  appendFileSync(path, `${"ä".repeat(20_000)}x`);
  const pieces = [...taken(spool), ...taken(spool, true)];
  assert.equal(pieces.join(""), `${"ä".repeat(20_000)}x`);
  assert(pieces.length > 1 && pieces.every((it) => Buffer.byteLength(it) <= 16 * 1024));
});

test("what is too far behind for any log is left out, and that is said", () => {
  const spool = open();
  appendFileSync(path, "first\n");
  truncateSync(path, 40 * 1024 * 1024);
  appendFileSync(path, "\nlast\n");
  let lines: readonly string[] = [];
  let left = "more";
  for (let first = true; left === "more"; first = false)
    left = spool.take((found) => {
      if (first) assert.match(found[0] ?? "", /^… 8388\d+ bytes left out/);
      lines = found;
    });
  assert.equal(lines.at(-1), "last");
});

function open({ bytesMax = 1024 * 1024 } = {}): Spool {
  return new Spool({ path, notePath: join(directory, "taken"), bytesMax });
}

function taken(spool: Spool, isEnd = false): readonly string[] {
  const lines: string[] = [];
  spool.take((found) => lines.push(...found), isEnd);
  return lines;
}
