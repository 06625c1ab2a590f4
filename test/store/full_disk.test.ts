import assert from "node:assert/strict";
import { cpSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CONFIG_MAP } from "../../src/api/config_map.ts";
import { isReason } from "../../src/api/error.ts";
import { silentLog } from "../../src/base/log.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { configMap } from "../../src/store/store.suite.ts";
import type { Change, Store } from "../../src/store/store.ts";
import { Directory, SmallDisk, whyNoSmallDisk } from "./directory.ts";

const skip = whyNoSmallDisk() ?? false;
const MIB = 1024 * 1024;
const ANY = { expected: "any" } as const;

test("a full disk refuses writes and keeps what it has, until there is room", {
  skip,
}, async () => {
  using disk = new SmallDisk(4 * MIB);
  const [path, ballast] = [join(disk.path, "store.db"), join(disk.path, "ballast")];
  writeFileSync(ballast, Buffer.alloc(MIB));
  {
    await using store = await openDiskStore({ path, log: silentLog });
    await fill(store);
    rmSync(ballast);
    await Promise.all([store.put(configMap("late"), ANY), store.delete(configMap("c1"), ANY)]);
    writeFileSync(ballast, Buffer.alloc(MIB / 2));
    await fill(store, (n) => `d${n}`);
  }
  await using store = await openDiskStore({ path, log: silentLog, mustExist: true });
  const before = viewOf(store);
  assert(before.live.some(({ metadata }) => metadata.name === "late"));
  assert(!before.live.some(({ metadata }) => metadata.name === "c1"));
  rmSync(ballast);
  await store.compact(store.revision);
  await store.put(configMap("last"), ANY);
});

test("a crash on a full disk leaves what was answered, and no more", { skip }, async () => {
  using disk = new SmallDisk(4 * MIB);
  using elsewhere = new Directory();
  const path = join(disk.path, "store.db");
  await using store = await openDiskStore({ path, log: silentLog });
  await fill(store);
  // The files as a crash at this moment would leave them.
  for (const suffix of ["", "-wal"]) {
    cpSync(path + suffix, elsewhere.store + suffix);
  }
  await using copy = await openDiskStore({ path: elsewhere.store, log: silentLog });
  assert.deepEqual(viewOf(copy), viewOf(store));
});

test("a small disk has no room for a new store, and none is left in part", { skip }, async () => {
  using disk = new SmallDisk(16 * 1024);
  const path = join(disk.path, "store.db");
  await assert.rejects(openDiskStore({ path, log: silentLog }), (thrown) => {
    assert(isReason(thrown, "InsufficientStorage"));
    assert(thrown.message.startsWith(`Cannot open the store "${path}": its disk is full`));
    return true;
  });
  assert.deepEqual(readdirSync(disk.path), []);
});

test("a store keeps to its limit, and compaction makes room below it", async () => {
  using directory = new Directory();
  const options = { path: directory.store, log: silentLog, bytesMax: MIB };
  await using store = await openDiskStore(options);
  await fill(store, (n) => `c${n % 10}`);
  assert(store.revision > 300, `${store.revision} kilobytes fit into ${MIB} bytes`);
  await store.compact(store.revision);
  await fill(store, (n) => `c${n % 10}`);
  assert.equal(store.list(CONFIG_MAP).length, 10);
});

test("of writes that come at once, those that fit are done", async () => {
  using directory = new Directory();
  const options = { path: directory.store, log: silentLog, bytesMax: MIB };
  await using store = await openDiskStore(options);
  const texts = [1, 2 * MIB, 2, 3 * MIB, 3].map((length) => "x".repeat(length));
  const writing = texts.map((text, n) => store.put(configMap(`c${n}`, { text }), ANY));
  const settled = await Promise.allSettled(writing);
  const answers = settled.map((it) => {
    if (it.status === "rejected") return it.reason.status.reason;
    return it.value.metadata.resourceVersion;
  });
  const refused = "InsufficientStorage";
  assert.deepEqual(answers, ["1", refused, "2", refused, "3"]);
});

/** Writes until there is no more room: what was answered is there, and nothing else. */
async function fill(store: Store, nameOf = (n: number) => `c${n}`): Promise<void> {
  const told: Change[] = [];
  using _ = store.watch(store.revision, (change) => told.push(change));
  const text = "x".repeat(1000);
  const answered: unknown[] = [];
  for (let n = 0; ; n += 8) {
    const names = Array.from({ length: 8 }, (_, index) => nameOf(n + index));
    const writing = names.map((name) => store.put(configMap(name, { text }), ANY));
    const settled = await Promise.allSettled(writing);
    const refused = settled.filter((it) => it.status === "rejected");
    assert(refused.every(({ reason }) => isFull(reason)));
    answered.push(...settled.flatMap((it) => (it.status === "fulfilled" ? it.value : [])));
    if (refused.length === names.length) break;
  }
  assert.deepEqual(
    told.map(({ resource }) => resource),
    answered,
  );
}

function viewOf(store: Store) {
  const changes: Change[] = [];
  store.watch(store.compactedRevision, (change) => changes.push(change))[Symbol.dispose]();
  return { revision: store.revision, live: store.list(CONFIG_MAP), changes };
}

function isFull(thrown: unknown): boolean {
  return isReason(thrown, "InsufficientStorage");
}
