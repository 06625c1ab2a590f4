import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Chance, seededChance } from "../../src/base/chance.ts";
import { silentLog } from "../../src/base/log.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { Directory } from "./directory.ts";
import { Ledger } from "./ledger.ts";
import type { Report } from "./writer.ts";

export interface Crashes {
  readonly kills: number;
  readonly seed: number;
}

/** How much a writer says before it is killed, and how much later that is. */
const LINES_MAX = 3000;
const LATER_MS_MAX = 100;

const WRITER = fileURLToPath(new URL("writer.ts", import.meta.url));

/**
 * Kills a process that writes to a store at random moments, and looks each time whether the store
 * has all that was answered and nothing by halves. Says how it went, or throws what is wrong.
 */
export async function crash({ kills, seed }: Crashes): Promise<string> {
  using directory = new Directory();
  const path = directory.store;
  const chance = seededChance(seed);
  const ledger = new Ledger();
  for (let round = 1; round <= kills; round += 1) {
    const reports = await writeAndKill(path, { round, chance });
    const mustExist = ledger.revision > 0 || reports.length > 0;
    assert(!mustExist || existsSync(path), `seed ${seed}, kill ${round}: the store is gone`);
    await using store = await openDiskStore({ path, log: silentLog, mustExist });
    try {
      ledger.check(store, reports);
    } catch (thrown) {
      throw new Error(`seed ${seed}, kill ${round} of ${kills}`, { cause: thrown });
    }
  }
  const { answered, whole, absent } = ledger;
  const lost = `${whole} of the others were there whole and ${absent} absent`;
  return `crash: ${kills} kills, all ${answered} answered writes were there; ${lost}; seed ${seed}`;
}

interface Round {
  readonly round: number;
  readonly chance: Chance;
}

/** All that the writer said before it was killed. */
async function writeAndKill(path: string, { round, chance }: Round): Promise<readonly Report[]> {
  const args = [WRITER, path, String(round), String(Math.floor(chance.fraction() * 2 ** 32))];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(child, "close");
  const reports: Report[] = [];
  const lines = createInterface({ input: child.stdout });
  // Some are killed while they start, and most while they write: after so many lines.
  const isEarly = chance.fraction() < 0.15;
  const after = chance.fraction() * LINES_MAX;
  const killLater = () => setTimeout(() => child.kill("SIGKILL"), chance.fraction() * LATER_MS_MAX);
  if (isEarly) killLater();
  lines.on("line", (line) => {
    // The last one may be cut short.
    if (line.endsWith("}")) reports.push(JSON.parse(line));
    if (reports.length === Math.ceil(after)) killLater();
  });
  const [code, signal] = await closed;
  assert.equal(signal, "SIGKILL", `the writer ended by itself, with ${code}`);
  return reports;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { kills: { type: "string" }, seed: { type: "string" } },
  });
  const { kills = "200", seed = Date.now() % 1_000_000 } = values;
  process.stdout.write(`${await crash({ kills: Number(kills), seed: Number(seed) })}\n`);
}
