import { type FSWatcher, mkdirSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import { type Clock, every, microTimestampOf } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { keyOf } from "../key.ts";
import type { RevisionLogs } from "../revision_logs.ts";
import { type Left, Spool } from "./spool.ts";

/** Whose output it is. */
export interface Writer {
  readonly name: string;
  readonly revision: string;
  readonly run: number;
}

export interface SpoolsOptions {
  readonly directory: string;
  readonly logs: RevisionLogs;
  readonly clock: Clock;
  readonly log: Log;
  readonly spoolBytesMax: number;
}

/** The output of one run, on its way to the log of its revision. */
export interface Output {
  /** Opens the file for the instance to write to. */
  openForWriting(): number;
  /** Collects all that is left, forgets it, and answers with the last lines. */
  close(): Promise<string>;
}

interface Entry {
  readonly writer: Writer;
  readonly spool: Spool;
  readonly path: string;
  /** The size at the last look. */
  bytes: number;
  due?: Disposable | undefined;
}

/** A chatty instance is looked at this often; what it writes in between is taken at once. */
const LOOK_MS = 20;
const MORE_MS = 8;
/** Who writes nothing for so long may find the file empty. */
const SPACE_MS = 50;
/** What was left by one that is gone can take so long; then the end has to do. */
const CLOSE_MS = 3000;
/** With more notices than this between two looks, there is one for each write of a loud one. */
const NOTICES_MAX = 100;
const DEAF_MS = 500;
/** The net below the file system's own notices, which may be missing or get lost. */
const SWEEP_MS = 2000;

/** Moves what instances write, line by line and with the time, to the logs of their revisions. */
export class Spools implements Disposable {
  readonly #options: SpoolsOptions;
  readonly #entries = new Map<string, Entry>();
  #watcher: FSWatcher | undefined;
  #sweeping: Disposable | undefined;
  #deaf: Disposable | undefined;

  constructor(options: SpoolsOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock } = this.#options;
    for (const path of [this.#outputs(), this.#notes()])
      mkdirSync(path, { recursive: true, mode: 0o700 });
    this.#listen();
    this.#sweeping = every(clock, SWEEP_MS, () => this.#sweep());
  }

  /** The output of a run that begins. */
  begin(writer: Writer): Output {
    const file = fileOf(writer);
    this.#spoolOf(file).remove();
    return this.resume(writer);
  }

  /** The output of a run that began before us, or is over by now. */
  resume(writer: Writer): Output {
    const file = fileOf(writer);
    const path = join(this.#outputs(), file);
    const spool = this.#spoolOf(file);
    const entry: Entry = { writer, spool, path, bytes: -1 };
    this.#entries.set(file, entry);
    this.#lookSoon(entry, LOOK_MS);
    return {
      openForWriting: () => spool.openForWriting(),
      close: () => this.#close(file, entry),
    };
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
    this.#sweeping?.[Symbol.dispose]();
    this.#deaf?.[Symbol.dispose]();
    for (const entry of this.#entries.values()) entry.due?.[Symbol.dispose]();
    this.#entries.clear();
  }

  /** Hears of writes at once, unless there are too many to hear of. */
  #listen(): void {
    const { clock, log } = this.#options;
    let notices = 0;
    let beganMs = clock.elapsed();
    const hear = (file: string | null) => {
      if (file !== null) this.#lookSoon(this.#entries.get(file), LOOK_MS);
      notices += 1;
      if (notices < NOTICES_MAX) return;
      const isLoud = clock.elapsed() - beganMs < LOOK_MS;
      notices = 0;
      beganMs = clock.elapsed();
      if (isLoud) this.#listenLater();
    };
    try {
      this.#watcher = watch(this.#outputs(), { persistent: false }, (_, file) => hear(file));
      this.#watcher.on("error", (err) => log.warn({ err }, "Cannot watch the output of instances"));
    } catch (err) {
      log.warn({ err }, "Cannot watch the output of instances: looking every two seconds instead");
    }
  }

  #listenLater(): void {
    this.#watcher?.close();
    this.#deaf = this.#options.clock.after(DEAF_MS, () => {
      this.#listen();
      this.#sweep();
    });
  }

  #spoolOf(file: string): Spool {
    const { spoolBytesMax: bytesMax } = this.#options;
    const [path, notePath] = [join(this.#outputs(), file), join(this.#notes(), file)];
    return new Spool({ path, notePath, bytesMax });
  }

  #lookSoon(entry: Entry | undefined, ms: number): void {
    if (entry === undefined || entry.due !== undefined) return;
    entry.due = this.#options.clock.after(ms, () => {
      entry.due = undefined;
      const left = this.#take(entry);
      if (left === "more") this.#lookSoon(entry, MORE_MS);
      if (left === "space") this.#lookSoon(entry, SPACE_MS);
    });
  }

  /** What the log cannot take now is tried again at the next sweep. */
  #take(entry: Entry, isEnd = false): Left {
    try {
      return entry.spool.take((lines) => this.#deliver(entry, lines), isEnd);
    } catch (err) {
      entry.bytes = -1;
      const instance = entry.writer.name;
      this.#options.log.warn({ err, instance }, "Cannot collect the output of an instance");
      return "nothing";
    }
  }

  #deliver({ writer }: Entry, lines: readonly string[]): void {
    const { clock, logs } = this.#options;
    const { name: from, revision, run } = writer;
    const at = microTimestampOf(clock.now());
    logs.append(
      revision,
      lines.map((text) => ({ at, from, run, text })),
    );
  }

  #sweep(): void {
    for (const entry of this.#entries.values()) {
      const bytes = statSync(entry.path, { throwIfNoEntry: false })?.size ?? 0;
      if (bytes !== entry.bytes) this.#lookSoon(entry, 0);
      entry.bytes = bytes;
    }
  }

  async #close(file: string, entry: Entry): Promise<string> {
    entry.due?.[Symbol.dispose]();
    this.#entries.delete(file);
    const { clock } = this.#options;
    const lateMs = clock.elapsed() + CLOSE_MS;
    while (this.#take(entry, true) === "more") {
      await clock.sleep(0);
      if (clock.elapsed() > lateMs) entry.spool.skip((lines) => this.#deliver(entry, lines));
    }
    const tail = entry.spool.tail();
    entry.spool.remove();
    return tail;
  }

  #outputs(): string {
    return join(this.#options.directory, "written");
  }

  #notes(): string {
    return join(this.#options.directory, "taken");
  }
}

function fileOf({ name, run }: Writer): string {
  return `${keyOf(name)}.${run}`;
}
