import assert from "node:assert/strict";
import { pbkdf2 } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { promisify } from "node:util";
import { LINE_CHARS_MAX, LineLog, type ReadOptions } from "./line_log.ts";
import type { LogLine } from "./log_line.ts";

const derive = promisify(pbkdf2);

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "varve-log-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("each line on disk names the log, the writer and the run", () => {
  using log = makeLog();
  log.append([line("hello world", { run: 2 })]);
  const at = "2026-01-01T00:00:00.000000Z";
  assert.equal(readFileSync(join(directory, "a.log"), "utf8"), `${at} a one 2 hello world\n`);
});

test("a follower gets what was there, then what comes, each line once", async () => {
  using log = makeLog();
  log.append([line("1"), line("2")]);
  const texts: string[] = [];
  const reading = (async () => {
    for await (const { text } of log.read({ follow: true })) {
      texts.push(text);
      if (text === "2") log.append([line("3")]);
      if (text === "3") log.end();
    }
  })();
  await reading;
  assert.deepEqual(texts, ["1", "2", "3"]);
});

test("a reader may leave at any line, also in the middle of a read", async () => {
  using log = makeLog();
  log.append(Array.from({ length: 20_000 }, (_, n) => line(`line ${n} ${"x".repeat(60)}`)));
  for (let round = 0; round < 10; round += 1) {
    // The next read has to wait for these, so it is under way when the reader leaves.
    const others = Array.from({ length: 8 }, () => derive("a", "b", 20_000, 32, "sha256"));
    for await (const _line of log.read()) break;
    await Promise.all(others);
  }
  const open = readdirSync("/proc/self/fd").filter((fd) => pointsTo(fd).startsWith(directory));
  assert(open.length <= 2, `${open.length} files are still open`);
});

test("a log keeps to its bounds, and loses its oldest lines first", async () => {
  using log = makeLog({ fileBytesMax: 200, filesMax: 3 });
  for (let n = 0; n < 40; n += 1) log.append([line(`line ${n}`)]);
  const kept = await textsOf(log);
  assert.equal(kept.at(-1), "line 39");
  assert.deepEqual(
    kept,
    Array.from(kept, (_, index) => `line ${40 - kept.length + index}`),
  );
  assert(kept.length >= 8 && kept.length <= 14, `${kept.length} lines are left`);
});

test("a reader may ask for the last lines, for lines since a time, or for one writer", async () => {
  using log = makeLog();
  log.append([line("a"), line("b", { from: "two" }), line("c")]);
  log.append([line("d", { at: "2026-01-02T00:00:00.000000Z" })]);
  assert.deepEqual(await textsOf(log, { tailLines: 2 }), ["c", "d"]);
  assert.deepEqual(await textsOf(log, { tailLines: 0 }), []);
  assert.deepEqual(await textsOf(log, { sinceMs: Date.parse("2026-01-01T12:00:00Z") }), ["d"]);
  assert.deepEqual(await textsOf(log, { only: ({ from }) => from === "two" }), ["b"]);
});

test("a line that is too long is cut in pieces, none of it lost", async () => {
  using log = makeLog();
  const long = "x".repeat(LINE_CHARS_MAX * 2 + 5);
  log.append([line(long)]);
  const texts = await textsOf(log);
  assert.deepEqual(
    texts.map((it) => it.length),
    [LINE_CHARS_MAX, LINE_CHARS_MAX, 5],
  );
  assert.equal(texts.join(""), long);
});

test("following ends with the signal", async () => {
  using log = makeLog();
  const abort = new AbortController();
  log.append([line("1")]);
  for await (const { text } of log.read({ follow: true, signal: abort.signal })) {
    assert.equal(text, "1");
    abort.abort();
  }
});

test("a follower that is about to wait misses neither a line nor the end", async () => {
  using log = makeLog();
  const texts: string[] = [];
  const reading = (async () => {
    for await (const { text } of log.read({ follow: true })) texts.push(text);
  })();
  // At every point of the reader's way to sleep, as far as turns of the queue can reach them.
  for (let turns = 0; turns < 50; turns += 1) {
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    log.append([line(String(turns))]);
  }
  log.end();
  await reading;
  assert.deepEqual(
    texts,
    Array.from({ length: 50 }, (_, turns) => String(turns)),
  );
});

test("a log opened again goes on where it was", async () => {
  makeLog().append([line("1")]);
  using log = makeLog();
  log.append([line("2")]);
  assert.deepEqual(await textsOf(log), ["1", "2"]);
});

function pointsTo(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}

function makeLog(bounds: { fileBytesMax?: number; filesMax?: number } = {}): LineLog {
  return new LineLog({ path: join(directory, "a.log"), name: "a", ...bounds });
}

function line(text: string, more: Partial<LogLine> = {}): LogLine {
  return { at: "2026-01-01T00:00:00.000000Z", from: "one", run: 0, text, ...more };
}

async function textsOf(log: LineLog, options?: ReadOptions): Promise<readonly string[]> {
  return (await Array.fromAsync(log.read(options))).map(({ text }) => text);
}
