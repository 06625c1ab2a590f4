import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Log } from "../base/log.ts";
import type { Seal } from "../base/seal.ts";
import { keyOf } from "./key.ts";
import type { Exit, InstanceSpec } from "./runtime.ts";
import { isCode } from "./system_error.ts";

/** What is known on disk of one run of an instance; each driver has more to say. */
export interface RunRecord {
  /** Which one it is, from 0. */
  readonly number: number;
  readonly caveats: readonly string[];
  readonly startedAt: string;
  readonly phase: "starting" | "ready" | "unready" | "over";
  /** Until its image was laid out, until it had a process, and until it was ready. */
  readonly unpackMs?: number;
  readonly startMs?: number;
  readonly readyMs?: number;
  /** It has no processor, until it is thawed. */
  readonly isFrozen?: boolean;
  /** When it became ready, in milliseconds since 1970. */
  readonly readySinceMs?: number;
}

/** What is known on disk of one instance. */
export interface InstanceRecord<R extends RunRecord = RunRecord> {
  readonly version: 1;
  readonly spec: InstanceSpec;
  readonly createdAt: string;
  /** How many runs were begun, also those that never came to have a process. */
  readonly runs: number;
  /** How often it ended in a row without having been well for long. */
  readonly failures: number;
  readonly lastExit?: Exit;
  /** The last run that was about to have a process. */
  readonly run?: R;
  /** It was told to end, and is kept until it has. */
  readonly isStopping: boolean;
}

interface RecordsOptions {
  readonly log: Log;
  /** Without it, records are stored as they are. */
  readonly seal: Seal | undefined;
}

/** A directory per instance, with its record and whatever it writes for itself. */
export class Records<R extends RunRecord> {
  readonly #directory: string;
  readonly #log: Log;
  readonly #seal: Seal | undefined;

  constructor(directory: string, { log, seal }: RecordsOptions) {
    this.#directory = directory;
    this.#log = log;
    this.#seal = seal;
  }

  start(): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o711 });
  }

  /** All that can be read. What cannot is of an instance that never was. */
  list(): readonly InstanceRecord<R>[] {
    return readdirSync(this.#directory).flatMap((key) => {
      const record = this.#read(join(this.#directory, key));
      return record === undefined ? [] : [record];
    });
  }

  /** The record is there as a whole, or as it was, whatever happens to us meanwhile. */
  put(record: InstanceRecord<R>): void {
    const path = this.directoryOf(record.spec.name);
    mkdirSync(path, { recursive: true, mode: 0o711 });
    const file = join(path, "record.json");
    // It has the instance's variables in it, and some of those are secrets.
    const text = JSON.stringify(record);
    const sealed = this.#seal?.seal(keyOf(record.spec.name), text) ?? text;
    writeFileSync(`${file}.new`, sealed, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }

  /** Where all is that an instance has: its record, and what its driver puts beside that. */
  directoryOf(name: string): string {
    return join(this.#directory, keyOf(name));
  }

  /** Where an instance may write. */
  scratchOf(name: string): string {
    return join(this.directoryOf(name), "scratch");
  }

  async remove(name: string): Promise<void> {
    const path = this.directoryOf(name);
    // The record goes last, so that whoever finds it knows that there may be more.
    await rm(this.scratchOf(name), { recursive: true, force: true });
    await rm(path, { recursive: true, force: true });
  }

  #read(path: string): InstanceRecord<R> | undefined {
    try {
      const text = readFileSync(join(path, "record.json"), "utf8");
      const record: InstanceRecord<R> = JSON.parse(this.#seal?.open(basename(path), text) ?? text);
      if (record.version === 1) return record;
      throw new Error(`its version is ${record.version}, not 1`);
    } catch (err) {
      if (!isCode(err, "ENOENT"))
        this.#log.warn({ err, path }, "Cannot read the record of an instance: removed");
      rmSync(path, { recursive: true, force: true });
      return undefined;
    }
  }
}

/** A field that is absent, for `undefined` is no value of it. */
export function without<R extends RunRecord>(run: R, field: "isFrozen" | "readySinceMs"): R {
  const copy = { ...run };
  delete copy[field];
  return copy;
}
