import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROTOCOL } from "./protocol.ts";
import type { Sighting } from "./sight.ts";

/** What those that ended had counted, all together. */
export interface Past extends Pick<Sighting, "worker"> {
  readonly backends: readonly Pick<Sighting["backends"][number], "id" | "tally">[];
}

const SUFFIX = ".counts";
const SUMS = "sums";

/** Where a worker leaves its counts. */
export function countsPathOf(directory: string, worker: string): string {
  return join(directory, `${worker}${SUFFIX}`);
}

/** What a worker has counted in its life: its last word. */
export function leaveCounts(path: string, sighting: Sighting): void {
  write(path, { protocol: PROTOCOL, sighting });
}

interface Kept {
  readonly protocol: number;
  readonly past: Past;
  /** Whose last words are in there, if their files are still to be found. */
  readonly from: readonly string[];
}

/** The counts of workers that ended, on disk, for they are missed in no sum of later. */
export class CountFiles {
  readonly #directory: string;
  #from: readonly string[] = [];

  constructor(home: string) {
    this.#directory = join(home, "gateway");
  }

  /** What was kept last; nothing when it was by a Varve that counted otherwise. */
  read(): Past | undefined {
    const kept = readJson<Kept>(countsPathOf(this.#directory, SUMS));
    if (kept?.protocol !== PROTOCOL) return undefined;
    this.#from = kept.from;
    return kept.past;
  }

  /** The last words of workers, by their names, which are not kept yet. */
  lastWords(): ReadonlyMap<string, Sighting> {
    const words = new Map<string, Sighting>();
    if (!existsSync(this.#directory)) return words;
    for (const file of readdirSync(this.#directory)) {
      if (!file.endsWith(SUFFIX)) continue;
      const name = file.slice(0, -SUFFIX.length);
      if (name === SUMS) continue;
      const path = countsPathOf(this.#directory, name);
      const word = readJson<{ readonly protocol: number; readonly sighting: Sighting }>(path);
      const isNews = word?.protocol === PROTOCOL && !this.#from.includes(name);
      if (isNews) words.set(name, word.sighting);
      else rmSync(path, { force: true });
    }
    return words;
  }

  /** From now on the last words of these are part of it. */
  keep(past: Past, from: readonly string[]): void {
    this.#from = from;
    write(countsPathOf(this.#directory, SUMS), { protocol: PROTOCOL, past, from });
    for (const name of from) rmSync(countsPathOf(this.#directory, name), { force: true });
  }
}

function write(path: string, value: object): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}
