import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { LineLog, type LogOptions } from "../base/line_log.ts";
import { LineQueue } from "../base/line_queue.ts";
import type { LogLine } from "../base/log_line.ts";
import { keyOf } from "./key.ts";

export interface RevisionLogsOptions {
  readonly directory: string;
  /** Bounds of each revision's log: see `LineLog`. */
  readonly fileBytesMax?: number;
  readonly filesMax?: number;
}

/** How many instances of one revision are remembered; older ones lose their names first. */
const NAMES_MAX = 1000;

/**
 * One log per revision, and which instances wrote to it. An instance's log can be read when the
 * instance is gone, until the revision's is dropped.
 */
export class RevisionLogs implements Disposable {
  readonly #options: RevisionLogsOptions;
  readonly #logs = new Map<string, LineLog>();
  readonly #revisionOf = new Map<string, string>();
  readonly #readers = new Map<string, Set<LineQueue>>();
  readonly #live = new Set<string>();

  constructor(options: RevisionLogsOptions) {
    this.#options = options;
  }

  start(): void {
    const { directory } = this.#options;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const key of readdirSync(directory)) this.#readNames(join(directory, key));
  }

  /** Says that an instance writes from now on. */
  open(revision: string, name: string): void {
    this.#live.add(name);
    if (this.#revisionOf.get(name) === revision) return;
    const directory = this.#directoryOf(revision);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, "instances");
    const head = existsSync(path) ? "" : `${revision}\n`;
    appendFileSync(path, `${head}${name}\n`, { mode: 0o600 });
    this.#revisionOf.set(name, revision);
  }

  append(revision: string, lines: readonly LogLine[]): void {
    this.#logOf(revision).append(lines);
    const [first] = lines;
    if (first === undefined) return;
    for (const reader of this.#readers.get(first.from) ?? []) reader.add(lines);
  }

  /** Says that an instance writes no more: those who follow it come to an end. */
  close(name: string): void {
    this.#live.delete(name);
    for (const reader of this.#readers.get(name) ?? []) reader.end();
  }

  /** Whether it writes, or is remembered to have written. */
  has(name: string): boolean {
    return this.#revisionOf.has(name);
  }

  /** What an instance wrote: in all its runs, or in one. */
  async *read(name: string, options: LogOptions & { readonly run?: number }) {
    const { follow = false, run, signal, ...past } = options;
    const revision = this.#revisionOf.get(name);
    if (revision === undefined) return;
    const only = (line: LogLine) => line.from === name && (run === undefined || line.run === run);
    const lines = this.#logOf(revision)
      .read({ ...past, only })
      [Symbol.asyncIterator]();
    // Asked for at once, so that no line is between what is there and what comes, and none in both.
    const first = lines.next();
    const reader = follow && this.#live.has(name) ? this.#reader(name) : undefined;
    try {
      for (let it = await first; it.done !== true; it = await lines.next()) {
        yield it.value;
        if (signal?.aborted === true) return;
      }
      if (reader === undefined) return;
      for await (const line of reader.lines(signal)) if (only(line)) yield line;
    } finally {
      if (reader !== undefined) this.#readers.get(name)?.delete(reader);
      await lines.return?.();
    }
  }

  /** The number of an instance's last run that is in the log. */
  async lastRun(name: string): Promise<number> {
    let last = 0;
    for await (const { run } of this.read(name, {})) last = Math.max(last, run);
    return last;
  }

  /** Forgets a revision's log, and which instances it had. */
  drop(revision: string): void {
    for (const [name, of] of this.#revisionOf) {
      if (of !== revision) continue;
      this.close(name);
      this.#revisionOf.delete(name);
    }
    this.#logs.get(revision)?.[Symbol.dispose]();
    this.#logs.delete(revision);
    rmSync(this.#directoryOf(revision), { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    for (const readers of this.#readers.values()) for (const reader of readers) reader.end();
    for (const log of this.#logs.values()) log[Symbol.dispose]();
    this.#logs.clear();
  }

  #readNames(directory: string): void {
    const path = join(directory, "instances");
    if (!existsSync(path)) return;
    const [revision, ...names] = readFileSync(path, "utf8")
      .split("\n")
      .filter((it) => it !== "");
    if (revision === undefined) return;
    const kept = names.slice(-NAMES_MAX);
    if (names.length > 2 * NAMES_MAX)
      writeFileSync(path, `${[revision, ...kept].join("\n")}\n`, { mode: 0o600 });
    for (const name of kept) this.#revisionOf.set(name, revision);
  }

  #reader(name: string): LineQueue {
    const reader = new LineQueue();
    const readers = this.#readers.get(name) ?? new Set();
    this.#readers.set(name, readers.add(reader));
    return reader;
  }

  #logOf(revision: string): LineLog {
    const known = this.#logs.get(revision);
    if (known !== undefined) return known;
    const { directory: _, ...bounds } = this.#options;
    const path = join(this.#directoryOf(revision), "lines");
    const log = new LineLog({ path, name: revision, ...bounds });
    this.#logs.set(revision, log);
    return log;
  }

  #directoryOf(revision: string): string {
    return join(this.#options.directory, keyOf(revision));
  }
}
