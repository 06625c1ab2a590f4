import assert from "node:assert/strict";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Chance, seededChance } from "../../src/base/chance.ts";
import { silentLog } from "../../src/base/log.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { Directory } from "./directory.ts";
import { Ledger } from "./ledger.ts";
import { RecordedDisk } from "./power/recorded_disk.ts";
import { type Act, buildRecorder, record, whyNoRecorder } from "./power/recording.ts";
import type { Report } from "./writer.ts";

export interface PowerCuts {
  readonly cuts: number;
  readonly seed: number;
  /** Sync less than a store does, to see that it is noticed: OFF or NORMAL. */
  readonly synchronous?: string | undefined;
}

const WRITER = fileURLToPath(new URL("writer.ts", import.meta.url));
/** In one life of the store; the next one begins with what the last of them left. */
const CUTS_A_LIFE = 12;
const ANSWERS_A_LIFE = 500;

/**
 * Records what a process that writes to a store does to its disk, and cuts the power at random
 * moments of the record: what had been synced is there, and of the rest what chance leaves. Looks
 * each time whether the store has all that was answered, or told to a watcher, before the cut, and
 * nothing by halves. Says how it went, or throws what is wrong.
 */
export async function cutPower({ cuts, seed, synchronous }: PowerCuts): Promise<string> {
  using directory = new Directory();
  const bench = new Workbench(directory.path, { seed, synchronous });
  for (let left = cuts; left > 0; left -= CUTS_A_LIFE) {
    await bench.live(Math.min(left, CUTS_A_LIFE));
  }
  const { answered, unsynced } = bench;
  const there = `all of ${answered} answered writes were there, in ${unsynced} cuts with something`;
  return `power: ${cuts} cuts, ${there} unsynced; seed ${seed}`;
}

class Workbench {
  answered = 0;
  /** Cuts that found something that was not synced. */
  unsynced = 0;
  readonly #directory: string;
  readonly #options: Omit<PowerCuts, "cuts">;
  readonly #recorder: string;
  readonly #chance: Chance;
  #lives = 0;
  /** What the next life begins with, and what must be in it. */
  #begin: string;
  #ledger = new Ledger();

  constructor(directory: string, options: Omit<PowerCuts, "cuts">) {
    this.#directory = directory;
    this.#options = options;
    this.#recorder = buildRecorder(directory);
    this.#chance = seededChance(options.seed);
    this.#begin = this.#at("begin");
    mkdirSync(this.#begin);
  }

  /** Runs a writer on what the last cut left, and cuts the power so often. */
  async live(cuts: number): Promise<void> {
    this.#lives += 1;
    const home = this.#at(`life-${this.#lives}`);
    cpSync(this.#begin, home, { recursive: true });
    const disk = new RecordedDisk(home);
    const acts = await this.#record(home);
    const before = this.#ledger;
    let passed = 0;
    for (const point of this.#points(acts, cuts)) {
      for (const act of acts.slice(passed, point)) if (act.type !== "said") disk.apply(act);
      passed = point;
      if (disk.hasUnsynced) this.unsynced += 1;
      this.#ledger = before.copy();
      rmSync(this.#begin, { recursive: true });
      disk.cutTo(this.#begin, this.#chance);
      await this.#check(acts.slice(0, point), `act ${point} of ${acts.length}`);
      this.answered += this.#ledger.answered - before.answered;
    }
    rmSync(home, { recursive: true });
  }

  /** Anywhere, and every other time where most is at stake: right before a sync. */
  #points(acts: readonly Act[], cuts: number): readonly number[] {
    const syncs = acts.flatMap(({ type }, index) => (type === "synced" ? [index] : []));
    const points = Array.from({ length: cuts }, (_, cut) => {
      const anywhere = this.#whole(acts.length + 1);
      return cut % 2 === 0 ? anywhere : (syncs[this.#whole(syncs.length)] ?? anywhere);
    });
    return points.sort((one, other) => one - other);
  }

  async #record(home: string): Promise<readonly Act[]> {
    const { synchronous } = this.#options;
    const seed = this.#whole(2 ** 32);
    const how = [this.#lives, seed, ANSWERS_A_LIFE, ...(synchronous ? [synchronous] : [])];
    const trace = this.#at("trace");
    return await record([WRITER, join(home, "store.db"), ...how.map(String)], {
      ...{ recorder: this.#recorder, directory: home, trace },
    });
  }

  /** In a copy, so that the next life has to recover for itself. */
  async #check(acts: readonly Act[], where: string): Promise<void> {
    const copy = this.#at("copy");
    cpSync(this.#begin, copy, { recursive: true });
    const reports = reportsIn(acts);
    const mustExist = this.#ledger.revision > 0 || reports.length > 0;
    const path = join(copy, "store.db");
    try {
      await using store = await openDiskStore({ path, log: silentLog, mustExist });
      this.#ledger.check(store, reports);
    } catch (cause) {
      const { seed } = this.#options;
      throw new Error(`seed ${seed}, life ${this.#lives}, cut at ${where}`, { cause });
    } finally {
      rmSync(copy, { recursive: true });
    }
  }

  #whole(below: number): number {
    return Math.floor(this.#chance.fraction() * below);
  }

  #at(name: string): string {
    return join(this.#directory, name);
  }
}

function reportsIn(acts: readonly Act[]): readonly Report[] {
  const text = acts.map((act) => (act.type === "said" ? act.text : "")).join("");
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line): Report => JSON.parse(line));
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      cuts: { type: "string" },
      seed: { type: "string" },
      synchronous: { type: "string" },
    },
  });
  const { cuts = "120", seed = Date.now() % 1_000_000, synchronous } = values;
  const why = whyNoRecorder();
  assert(why === undefined, why);
  const options = { cuts: Number(cuts), seed: Number(seed), synchronous };
  process.stdout.write(`${await cutPower(options)}\n`);
}
