import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../base/durable_file.ts";
import { LineLog } from "../base/line_log.ts";
import type { BuildState } from "./build.ts";

/** What is kept of a build that has ended. */
export interface BuildRecord {
  readonly id: string;
  readonly state: BuildState;
}

const RECORD = "build.json";
const LOG = "log";

/** Ended builds and the logs of all builds: a directory for each. */
export class BuildRecords {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** A name for a build that any file system takes, whatever its id. */
  nameOf(id: string): string {
    return createHash("sha256").update(id).digest("hex").slice(0, 32);
  }

  /** All that is kept. What has not ended, or cannot be read, is removed. */
  async start(): Promise<readonly BuildRecord[]> {
    await mkdir(this.#directory, { recursive: true });
    const records: BuildRecord[] = [];
    for (const name of readdirSync(this.#directory)) {
      const record = this.#read(name);
      if (record === undefined) await this.#remove(name);
      else records.push(record);
    }
    return records;
  }

  /** Resolves once the record outlives a power cut. */
  async put(record: BuildRecord): Promise<void> {
    const directory = this.#at(this.nameOf(record.id));
    await mkdir(directory, { recursive: true });
    await replaceFile(join(directory, RECORD), JSON.stringify(record));
  }

  async delete(id: string): Promise<void> {
    await this.#remove(this.nameOf(id));
  }

  logOf(id: string): LineLog {
    const path = join(this.#at(this.nameOf(id)), LOG);
    return new LineLog({ path, name: id.replaceAll(/\s/g, "_") });
  }

  #read(name: string): BuildRecord | undefined {
    const path = join(this.#at(name), RECORD);
    if (!existsSync(path)) return undefined;
    try {
      const { id, state } = JSON.parse(readFileSync(path, "utf8")) as BuildRecord;
      return this.nameOf(id) === name && isEnded(state) ? { id, state } : undefined;
    } catch {
      return undefined;
    }
  }

  async #remove(name: string): Promise<void> {
    await rm(this.#at(name), { recursive: true, force: true });
  }

  #at(name: string): string {
    return join(this.#directory, name);
  }
}

/** Whether nothing more will happen to a build. */
export function isEnded({ phase }: BuildState): boolean {
  return phase === "Succeeded" || phase === "Failed";
}
