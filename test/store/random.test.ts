import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CONFIG_MAP } from "../../src/api/config_map.ts";
import { statusOf } from "../../src/api/error.ts";
import { type Chance, seededChance } from "../../src/base/chance.ts";
import { silentLog } from "../../src/base/log.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { configMap } from "../../src/store/store.suite.ts";
import type { Change, Store } from "../../src/store/store.ts";

const SEED = Number(process.env["VARVE_SEED"] ?? Date.now() % 1_000_000);
const OPERATIONS = 600;
const NAMESPACES = ["a", "a-b", "b"];

/** The disk store and its model, side by side. */
interface Pair {
  readonly model: Store;
  disk: Store;
  readonly chance: Chance;
  readonly path: string;
  /** What a watch that stays on each has heard since the disk store was opened. */
  readonly heard: { model: Change[]; disk: Change[] };
  unwatch: readonly Disposable[];
}

for (const seed of [SEED, SEED + 1]) {
  test(`a disk store does all that its model does (VARVE_SEED=${seed})`, async () => {
    const directory = mkdtempSync(join(tmpdir(), "varve-random-"));
    try {
      await runRandom(seed, join(directory, "store.db"));
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

async function runRandom(seed: number, path: string): Promise<void> {
  const chance = seededChance(seed);
  const heard = { model: [], disk: [] };
  const disk = await openDiskStore({ path, log: silentLog });
  const pair: Pair = { model: new MemoryStore(), disk, chance, path, heard, unwatch: [] };
  watchBoth(pair);
  for (let count = 1; count <= OPERATIONS; count += 1) {
    const title = await operate(pair);
    compare(pair, `VARVE_SEED=${seed}: after operation ${count}, ${title}`);
  }
  await pair.disk[Symbol.asyncDispose]();
}

/** Does one thing to both, and says what. */
async function operate(pair: Pair): Promise<string> {
  const { chance, model } = pair;
  const dice = chance.fraction();
  if (dice < 0.02) {
    await pair.disk[Symbol.asyncDispose]();
    pair.disk = await openDiskStore({ path: pair.path, log: silentLog, mustExist: true });
    watchBoth(pair);
    return "a reopening";
  }
  if (dice < 0.08) {
    const revision = pick(chance, model.revision + 3);
    await Promise.all([model.compact(revision), pair.disk.compact(revision)]);
    return `a compaction up to ${revision}`;
  }
  if (dice < 0.1) return await writeBoth(pair, 200);
  return await writeBoth(pair, 1 + pick(chance, 4));
}

/** Asks both for the same writes at once, and compares the answers. */
async function writeBoth(pair: Pair, count: number): Promise<string> {
  const asked = Array.from({ length: count }, () => randomWrite(pair));
  const outcomes = await Promise.all(
    [pair.model, pair.disk].map(async (store) => {
      const writing = asked.map(({ act, resource, expected }) =>
        store[act](resource, { expected }),
      );
      const settled = await Promise.allSettled(writing);
      return settled.map((it) => (it.status === "fulfilled" ? it.value : statusOf(it.reason)));
    }),
  );
  assert.deepEqual(outcomes[1], outcomes[0]);
  return asked.map(({ act, path, expected }) => `${act} ${path} if ${expected}`).join(", ");
}

function randomWrite({ chance, model }: Pair) {
  const path = `${NAMESPACES[pick(chance, 3)]}/${"abcdefgh"[pick(chance, 8)]}${pick(chance, 40)}`;
  const resource = configMap(path, { text: "é".repeat(pick(chance, 300)), id: chance.suffix(8) });
  const stored = model.get(CONFIG_MAP, resource.metadata);
  const current = stored?.metadata.resourceVersion ?? "absent";
  const stale = String(pick(chance, model.revision + 2));
  const expected = ["any", current, current, "absent", stale][pick(chance, 5)] ?? "any";
  const act = chance.fraction() < 0.35 ? ("delete" as const) : ("put" as const);
  return { act, path, resource, expected };
}

function watchBoth(pair: Pair): void {
  for (const it of pair.unwatch) it[Symbol.dispose]();
  const { model, disk, heard } = pair;
  Object.assign(heard, { model: [], disk: [] });
  const after = model.compactedRevision + pick(pair.chance, model.revision + 1);
  pair.unwatch = [
    model.watch(after, (change) => heard.model.push(change)),
    disk.watch(after, (change) => heard.disk.push(change)),
  ];
}

function compare(pair: Pair, title: string): void {
  const { model, disk, chance, heard } = pair;
  const after = pick(chance, model.revision + 2);
  const namespace = NAMESPACES[pick(chance, 4)];
  assert.deepEqual(heard.disk.splice(0), heard.model.splice(0), `${title}: watches`);
  const views = [disk, model].map((store) => ({
    revision: store.revision,
    compactedRevision: store.compactedRevision,
    list: store.list(CONFIG_MAP, namespace),
    past: pastOf(store, after),
  }));
  assert.deepEqual(views[0], views[1], title);
}

/** All changes after a revision, or why they cannot be told. */
function pastOf(store: Store, after: number): readonly Change[] | string {
  const changes: Change[] = [];
  try {
    store.watch(after, (change) => changes.push(change))[Symbol.dispose]();
  } catch (thrown) {
    return statusOf(thrown).message ?? "";
  }
  return changes;
}

/** A whole number from 0 up to but not with `end`. */
function pick(chance: Chance, end: number): number {
  return Math.floor(chance.fraction() * end);
}
