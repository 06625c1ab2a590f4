import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, test } from "node:test";
import { CONFIG_MAP } from "../api/config_map.ts";
import { textOf } from "../api/text.ts";
import { silentLog } from "../base/log.ts";
import { openDiskStore } from "./disk.ts";
import { configMap, watched } from "./store.suite.ts";
import type { Store } from "./store.ts";

const ANY = { expected: "any" } as const;

let directory = "";
let path = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "varve-disk-"));
  path = join(directory, "store.db");
});
afterEach(() => rmSync(directory, { recursive: true }));

test("a store opened again has all that was answered, and goes on where it was", async () => {
  await using before = await open();
  await before.put(configMap("a", { text: 'quoted "ünïcode"\n\u0000' }), ANY);
  await before.put(configMap("b"), ANY);
  await before.delete(configMap("b"), ANY);
  const [list, lines] = [before.list(CONFIG_MAP), [...watched(before, 0)]];
  await before[Symbol.asyncDispose]();
  await using store = await open();
  assert.deepEqual(store.list(CONFIG_MAP), list);
  assert.deepEqual([...watched(store, 0)], lines);
  assert.equal((await store.put(configMap("c"), ANY)).metadata.resourceVersion, "4");
});

test("closing leaves one file, and so does making a new one", async () => {
  await using store = await open();
  assert.deepEqual(readdirSync(directory), ["store.db", "store.db-wal"]);
  await store[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(directory), ["store.db"]);
});

test("a change is told from the file when it is no longer in memory", async () => {
  await using store = await open();
  using heard = watched(store, 0);
  for (let n = 0; n < 40; n += 1) await putMany(store, 100);
  await store.delete(configMap("c0"), ANY);
  for (const after of [0, 1, 2500, 2976, 2977, 2978, 4000]) {
    assert.deepEqual([...watched(store, after)], heard.slice(after));
  }
  const told: unknown[] = [];
  store.watch(3990, ({ resource }) => told.push(resource))[Symbol.dispose]();
  const [last] = store.list(CONFIG_MAP).slice(-1);
  assert(told.includes(last), "what is live is told as the object that is read");
});

test("many writes at once are all done, in order, over several transactions", async () => {
  await using store = await open();
  const writing = Array.from({ length: 5000 }, (_, n) => store.put(configMap(`c${n}`), ANY));
  const versions = (await Promise.all(writing)).map((it) => Number(it.metadata.resourceVersion));
  assert.deepEqual(
    versions,
    versions.map((_, index) => index + 1),
  );
});

test("a compaction leaves the newest row of what is live, while others write", async () => {
  await using store = await open();
  for (let n = 0; n < 30; n += 1) await putMany(store, 100);
  await store.delete(configMap("c0"), ANY);
  const events: string[] = [];
  const compacting = store.compact(3001).then(() => events.push("compacted"));
  await store.put(configMap("meanwhile"), ANY).then(() => events.push("written"));
  await compacting;
  assert.deepEqual(events, ["written", "compacted"]);
  await store[Symbol.asyncDispose]();
  const live = Array.from({ length: 99 }, (_, n) => 2902 + n);
  assert.deepEqual(revisionsIn(path), [...live, 3002]);
});

test("a compaction that was cut short by closing is done by the next", async () => {
  await using before = await open();
  for (let n = 0; n < 30; n += 1) await putMany(before, 100);
  const compacting = before.compact(2000);
  await before[Symbol.asyncDispose]();
  await compacting;
  assert(revisionsIn(path).length > 2000, "it was cut short");
  await using store = await open();
  assert.equal(store.compactedRevision, 2000);
  assert.throws(() => store.watch(1999, () => {}), { message: /^too old resource version: 1999/ });
  assert.equal(watched(store, 2000)[0], "2001 put default/c0 1901→2001");
  await store.compact(0);
  await store[Symbol.asyncDispose]();
  assert.equal(revisionsIn(path).length, 100 + 1000);
});

test("a store of which all is forgotten goes on counting when it is opened again", async () => {
  await using before = await open();
  await before.put(configMap("a"), ANY);
  await before.delete(configMap("a"), ANY);
  await before.compact(2);
  await before[Symbol.asyncDispose]();
  assert.deepEqual(revisionsIn(path), []);
  await using store = await open();
  assert.deepEqual([store.revision, store.compactedRevision], [2, 2]);
  assert.equal((await store.put(configMap("a"), ANY)).metadata.resourceVersion, "3");
});

test("the text that is sent is the text that is kept", async () => {
  await using store = await open();
  const stored = await store.put(configMap("a", { key: "value" }), ANY);
  await store[Symbol.asyncDispose]();
  using database = new DatabaseSync(path);
  const row = database.prepare("SELECT body FROM log").get();
  assert.equal(row?.["body"], textOf(stored));
});

test("a listener that throws takes nobody's news away", async () => {
  await using store = await open();
  const thrown: unknown[] = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.once("uncaughtException", (it) => thrown.push(it));
  using _ = store.watch(0, () => {
    throw new Error("a bug");
  });
  using told = watched(store, 0);
  await store.put(configMap("a"), ANY);
  for (const it of listeners) process.on("uncaughtException", it);
  assert.deepEqual([thrown.map(String), told.length], [["Error: a bug"], 1]);
});

function open() {
  return openDiskStore({ path, log: silentLog });
}

/** Puts c0, c1, …, all at once. */
async function putMany(store: Store, count: number): Promise<void> {
  const writing = Array.from({ length: count }, (_, n) => store.put(configMap(`c${n}`), ANY));
  await Promise.all(writing);
}

function revisionsIn(file: string): readonly number[] {
  using database = new DatabaseSync(file);
  const rows = database.prepare("SELECT revision FROM log ORDER BY revision").all();
  return rows.map(({ revision }) => Number(revision));
}
