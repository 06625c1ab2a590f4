import assert from "node:assert/strict";
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CONFIG_MAP } from "../../src/api/config_map.ts";
import { isReason } from "../../src/api/error.ts";
import { seededChance } from "../../src/base/chance.ts";
import { silentLog } from "../../src/base/log.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { configMap } from "../../src/store/store.suite.ts";
import { Directory } from "./directory.ts";

const SEED = Number(process.env["VARVE_SEED"] ?? Date.now() % 1_000_000);
const WRITES = 24;
const FLIPS = 16;

/** What a killed process leaves: a file, and beside it the -wal that holds all writes. */
interface Remains {
  readonly path: string;
  readonly wal: Buffer;
  /** How long the -wal was when each write was answered. */
  readonly ends: readonly number[];
}

async function remainsIn(directory: string): Promise<Remains> {
  const live = join(directory, "live.db");
  const path = join(directory, "store.db");
  await using store = await openDiskStore({ path: live, log: silentLog });
  const ends: number[] = [];
  for (let n = 0; n < WRITES; n += 1) {
    const text = "x".repeat(n % 3 === 0 ? 20_000 : 200);
    await store.put(configMap(`c${n}`, { text }), { expected: "absent" });
    ends.push(statSync(`${live}-wal`).size);
  }
  copyFileSync(live, path);
  return { path, ends, wal: readFileSync(`${live}-wal`) };
}

/** How many writes a store has that was left so; "refused" when it is not opened. */
async function writesIn({ path }: Remains, wal: Buffer): Promise<number | "refused"> {
  const original = readFileSync(path);
  writeFileSync(`${path}-wal`, wal);
  try {
    await using store = await openDiskStore({ path, log: silentLog });
    return store.list(CONFIG_MAP).length;
  } catch (thrown) {
    assert(isReason(thrown, "InternalError"), String(thrown));
    assert.match(thrown.message, /store\.db-wal", which holds its newest writes, .*damaged/);
    assert.deepEqual(readFileSync(`${path}-wal`), wal, "the evidence stays");
    return "refused";
  } finally {
    writeFileSync(path, original);
  }
}

test(`a -wal that rotted is refused, and no answered write dropped (${SEED})`, async () => {
  using directory = new Directory();
  const remains = await remainsIn(directory.path);
  const { wal, ends } = remains;
  assert.equal(await writesIn(remains, wal), WRITES);
  const chance = seededChance(SEED);
  const beforeLast = ends.at(-2) ?? 0;
  for (let flip = 0; flip < FLIPS; flip += 1) {
    const at = Math.floor(chance.fraction() * wal.length);
    const rotten = Buffer.from(wal);
    rotten[at] = (rotten[at] ?? 0) ^ (1 << Math.floor(chance.fraction() * 8));
    const found = await writesIn(remains, rotten);
    // A last transaction without a sound checksum is what a power cut leaves of an unanswered one.
    const expected = at >= beforeLast ? WRITES - 1 : "refused";
    assert.equal(found, expected, `byte ${at} of ${wal.length}, seed ${SEED}`);
  }
});

test("a -wal that is torn in its last transaction is opened without that", async () => {
  using directory = new Directory();
  const remains = await remainsIn(directory.path);
  const { wal, ends } = remains;
  const beforeLast = ends.at(-2) ?? 0;
  assert.equal(await writesIn(remains, wal.subarray(0, beforeLast + 700)), WRITES - 1);
  const torn = Buffer.from(wal).fill(7, beforeLast + 512, beforeLast + 1024);
  assert.equal(await writesIn(remains, torn), WRITES - 1);
});

test("the way out of a damaged -wal keeps what was before the damage", async () => {
  using directory = new Directory();
  const remains = await remainsIn(directory.path);
  const { wal, ends, path } = remains;
  const rotten = Buffer.from(wal).fill(7, (ends[9] ?? 0) + 100, (ends[9] ?? 0) + 200);
  writeFileSync(`${path}-wal`, rotten);
  const refusal = await openDiskStore({ path, log: silentLog }).catch((thrown) => thrown);
  const [, bytes] = /run: truncate -s (\d+) "/.exec(String(refusal)) ?? [];
  assert.equal(Number(bytes), ends[9]);
  truncateSync(`${path}-wal`, Number(bytes));
  await using store = await openDiskStore({ path, log: silentLog });
  assert.equal(store.list(CONFIG_MAP).length, 10);
});
