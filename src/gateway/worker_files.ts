import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProcessId } from "../base/process.ts";
import { countsPathOf } from "./count_files.ts";
import type { SetLimits } from "./limits.ts";

/** What one control process leaves to the next, so that it finds the worker again. */
export interface WorkerRecord {
  readonly name: string;
  /** Which of the workers it is, from 0. */
  readonly slot: number;
  readonly id: ProcessId;
  /** In the environment of the process; who knows it may say what is served. */
  readonly token: string;
  /** The path of the socket on which the worker is reached. */
  readonly path: string;
  /** What it was started with. Whoever wants others has to start another. */
  readonly limits?: SetLimits;
}

/** The kernel takes at most this for the path of a socket; elsewhere it is 103. */
const PATH_BYTES_MAX = 100;

const LOG_BYTES_MAX = 8 * 1024 * 1024;

/** The files of the workers: a record for each, their logs, and the sockets to reach them on. */
export class WorkerFiles {
  readonly #directory: string;
  readonly #sockets: string;

  constructor(home: string) {
    this.#directory = join(home, "gateway");
    const longest = join(this.#directory, "worker-xxxxxxxx.sock");
    const name = createHash("sha256").update(this.#directory).digest("hex").slice(0, 16);
    const isShort = Buffer.byteLength(longest) <= PATH_BYTES_MAX;
    this.#sockets = isShort ? this.#directory : join(tmpdir(), `varve-${name}`);
  }

  /** Makes the directories, for our own user alone. */
  prepare(): void {
    for (const directory of [this.#directory, this.#sockets]) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const { mode, uid } = lstatSync(directory);
      const isOurs = uid === process.getuid?.() && (mode & 0o077) === 0;
      if (isOurs && lstatSync(directory).isDirectory()) continue;
      const rule = "it must be a directory of this user, with mode 0700";
      throw new Error(`Cannot use "${directory}" for the sockets of the gateway: ${rule}`);
    }
  }

  socketPath(name: string): string {
    return join(this.#sockets, `${name}.sock`);
  }

  get compiledPath(): string {
    return join(this.#directory, "compiled");
  }

  /** The log of one slot; a long one is put aside first. */
  logPath(slot: number): string {
    const path = join(this.#directory, `worker-${slot}.log`);
    if (existsSync(path) && statSync(path).size > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
    return path;
  }

  /** Of the requests that one slot served; the worker itself bounds it. */
  accessLogPath(slot: number): string {
    return join(this.#directory, `access-${slot}.log`);
  }

  countsPath(name: string): string {
    return countsPathOf(this.#directory, name);
  }

  write(record: WorkerRecord): void {
    const path = this.#recordPath(record.name);
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  remove({ name, path }: WorkerRecord): void {
    rmSync(this.#recordPath(name), { force: true });
    rmSync(path, { force: true });
  }

  /** Whoever wrote one half is not there any more to be found by it. */
  readAll(): readonly WorkerRecord[] {
    const names = readdirSync(this.#directory).filter((name) => name.endsWith(".json"));
    return names.flatMap((name) => {
      try {
        return [JSON.parse(readFileSync(join(this.#directory, name), "utf8")) as WorkerRecord];
      } catch {
        return [];
      }
    });
  }

  /** Leaves nothing outside of the home, when no worker is left. */
  close(): void {
    if (this.#sockets === this.#directory) return;
    try {
      rmdirSync(this.#sockets);
    } catch {
      // It is not empty, so somebody still has a use for it.
    }
  }

  #recordPath(name: string): string {
    return join(this.#directory, `${name}.json`);
  }
}
