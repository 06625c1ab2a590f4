import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { CONFIG_MAP } from "../api/config_map.ts";
import { silentLog } from "../base/log.ts";
import { openDiskStore } from "./disk.ts";
import type { Row } from "./log_file.ts";
import { isStoreOpen, restoreStore } from "./restore.ts";
import { configMap } from "./store.suite.ts";

const ANY = { expected: "any" } as const;
const directory = mkdtempSync(join(tmpdir(), "varve-snapshot-"));
after(() => rmSync(directory, { recursive: true }));

const opened = (name: string) =>
  openDiskStore({ path: join(directory, name), log: silentLog, bytesMax: 64 * 1024 * 1024 });

test("a snapshot is of one moment, whatever is written and swept meanwhile", async () => {
  await using store = await opened("one.db");
  const write = (from: number, to: number) =>
    Promise.all(
      Array.from({ length: to - from }, (_, n) => store.put(configMap(`c${from + n}`), ANY)),
    );
  await write(0, 600);
  await write(0, 300);
  await store.delete(configMap("c7"), ANY);
  const before = store.list(CONFIG_MAP);
  const pages: (readonly Row[])[] = [];
  {
    using snapshot = store.snapshot();
    assert.deepEqual([snapshot.revision, snapshot.resources], [901, 599]);
    for (const page of snapshot.pages()) {
      pages.push(page);
      await write(100, 650);
      await store.compact(store.revision);
    }
    await restoreStore(join(directory, "restored.db"), { revision: 901, pages: of(pages) });
  }
  await using restored = await opened("restored.db");
  assert.deepEqual(restored.list(CONFIG_MAP), before);
  await store.compact(store.revision);
  const live = store.list(CONFIG_MAP).length;
  await store[Symbol.asyncDispose]();
  assert.equal(revisionsIn("one.db").length, live, "what was kept for it is swept afterwards");
});

test("a restored store gives no version that clients of the old one may know", async () => {
  await using before = await opened("two.db");
  await before.put(configMap("a"), ANY);
  await before.put(configMap("b"), ANY);
  using snapshot = before.snapshot();
  const { revision } = snapshot;
  await restoreStore(join(directory, "later.db"), { revision, pages: of([...snapshot.pages()]) });
  const lost = await before.put(configMap("b"), ANY);
  await using store = await opened("later.db");
  assert.throws(() => store.watch(Number(lost.metadata.resourceVersion), () => {}), {
    message: "too old resource version: 3 (1000000002)",
  });
  const told: string[] = [];
  using _ = store.watch(store.revision, ({ previous, resource }) => {
    told.push(`${previous?.metadata.resourceVersion} ${resource.metadata.resourceVersion}`);
  });
  await store.put(configMap("b"), ANY);
  assert.deepEqual(told, ["2 1000000003"]);
  await store.compact(store.revision);
  await store[Symbol.asyncDispose]();
  assert.deepEqual(revisionsIn("later.db"), [1, 1_000_000_003]);
});

test("a store is open while somebody has it, and then no more", async () => {
  const path = join(directory, "three.db");
  assert.equal(isStoreOpen(path), false);
  {
    await using store = await opened("three.db");
    await store.put(configMap("a"), ANY);
    assert.equal(isStoreOpen(path), true);
    await store.put(configMap("a"), ANY);
  }
  assert.equal(isStoreOpen(path), false);
});

async function* of(pages: readonly (readonly Row[])[]) {
  yield* pages;
}

/** Of all rows in the file, also those that nobody can read any more. */
function revisionsIn(name: string): readonly number[] {
  using database = new DatabaseSync(join(directory, name));
  const rows = database.prepare("SELECT revision FROM log ORDER BY revision").all();
  return rows.map((row) => Number(row["revision"]));
}
