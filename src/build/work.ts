import { readFileSync, writeFileSync } from "node:fs";
import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Clock, microTimestampOf } from "../base/clock.ts";
import { isDiskFull } from "../base/durable_file.ts";
import type { LineLog } from "../base/line_log.ts";
import type { ProcessId } from "../base/process.ts";
import { writerOf } from "./build.ts";
import { runStep } from "./step.ts";

export interface WorkOptions {
  /** The directory of this one build. It is made, and goes with it. */
  readonly root: string;
  /** The directory of a cache that builds share, kept until this one ends. */
  readonly cache: (name: string) => string;
  /** Where to look for tools, after the directory of this Node. */
  readonly toolPath: string;
  /** Of every process, besides what we set ourselves: proxies, certificates. */
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: LineLog;
  readonly signal: AbortSignal;
  /** Called when another step begins. */
  readonly onStep: (name: string) => void;
  /** Called when the log can no longer be written. */
  readonly onLogFailure: (thrown: unknown) => void;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What the process writes to its output is wanted, and is not for the log. */
  readonly isAsked?: boolean;
}

/** Marks every process of a build, in its environment. */
export const BUILD_VARIABLE = "VARVE_BUILD";
/** Where the process that runs now is noted, for whoever clears away after a crash. */
const PROCESS_FILE = "process.json";

/** One build at work: its directory, its log, its processes. */
export class Work {
  readonly #options: WorkOptions;
  /** What must not be in the log, such as passwords of addresses. */
  readonly #secrets: string[] = [];
  #step = "queue";
  #isLogFull = false;

  constructor(options: WorkOptions) {
    this.#options = options;
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  get step(): string {
    return this.#step;
  }

  /** A cache that builds share, of this name. */
  cache(name: string): string {
    return this.#options.cache(name);
  }

  /** A path in the directory of this build. */
  at(...steps: readonly string[]): string {
    return join(this.#options.root, ...steps);
  }

  async begin(): Promise<void> {
    await removeTree(this.#options.root);
    for (const name of ["home", "tmp"]) await mkdir(this.at(name), { recursive: true });
  }

  /** Says what is being done from now on. */
  enter(step: string): void {
    this.signal.throwIfAborted();
    this.#step = step;
    this.#options.onStep(step);
  }

  /** Writes a line of our own to the log. */
  say(text: string): void {
    const { log, clock } = this.#options;
    if (this.#isLogFull) return;
    const at = microTimestampOf(clock.now());
    const from = writerOf(this.#step);
    try {
      log.append([{ at, from, run: 0, text: this.withoutSecrets(text) }]);
    } catch (thrown) {
      this.#isLogFull = true;
      this.#options.onLogFailure(thrown);
    }
  }

  /** Keeps a text out of the log and of messages from now on. */
  hide(secret: string): void {
    if (secret !== "") this.#secrets.push(secret);
  }

  withoutSecrets(text: string): string {
    return this.#secrets.reduce((rest, secret) => rest.replaceAll(secret, "***"), text);
  }

  /**
   * Runs a process of this step; what it writes goes to the log. Answers with its output where
   * that is asked for. Throws `StepError`.
   */
  async run(command: StepCommand, options: RunOptions = {}): Promise<string> {
    const { isAsked = false, cwd = this.at("source"), env } = options;
    const { clock, signal } = this.#options;
    const asked: string[] = [];
    if (!isAsked) this.say(`$ ${command.join(" ")}`);
    await runStep({
      ...{ command, cwd, clock, signal },
      env: { ...this.#environment(), ...env },
      onLine: (line, from) => {
        if (isAsked && from === "stdout") asked.push(line);
        else this.say(line);
      },
      onStart: (id) => this.#note(id),
    });
    return asked.join("\n");
  }

  /** Clears away all of it, also what cannot be read or written. */
  async end(): Promise<void> {
    await removeTree(this.#options.root);
  }

  #environment(): Readonly<Record<string, string>> {
    const { root, toolPath, environment } = this.#options;
    return {
      ...environment,
      // Builds and what runs later use the same Node.
      PATH: `${dirname(process.execPath)}:${toolPath}`,
      HOME: this.at("home"),
      TMPDIR: this.at("tmp"),
      LANG: "C.UTF-8",
      CI: "1",
      NO_COLOR: "1",
      [BUILD_VARIABLE]: root,
    };
  }

  #note(id: ProcessId): void {
    try {
      writeFileSync(this.at(PROCESS_FILE), JSON.stringify(id));
    } catch (thrown) {
      if (!isDiskFull(thrown)) throw thrown;
      // The mark in its environment tells of it too.
    }
  }
}

export type StepCommand = readonly [string, ...(readonly string[])];

/** The process that was noted last in the directory of a build. */
export function notedProcess(root: string): ProcessId | undefined {
  try {
    const { pid, startedAt } = JSON.parse(readFileSync(join(root, PROCESS_FILE), "utf8"));
    return typeof pid === "number" && typeof startedAt === "string"
      ? { pid, startedAt }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Removes a tree, also one whose directories may not be written, as some tools leave them. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  } catch (thrown) {
    const isLocked = thrown instanceof Error && "code" in thrown && thrown.code === "EACCES";
    if (!isLocked) throw thrown;
    await unlock(path);
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function unlock(directory: string): Promise<void> {
  await chmod(directory, 0o700);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await unlock(join(directory, entry.name));
  }
}
