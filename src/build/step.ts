import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { type ProcessId, processOf } from "../base/process.ts";
import { Lines } from "./lines.ts";

export interface StepOptions {
  readonly command: readonly [string, ...(readonly string[])];
  readonly cwd: string;
  /** All of it: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Takes each line that the process writes. */
  readonly onLine: (line: string, from: "stdout" | "stderr") => void;
  readonly onStart: (id: ProcessId) => void;
}

/** A process of a build that did not do what it should. */
export class StepError extends Error {
  override readonly name = "StepError";
  /** "failed with exit code 1", "was ended by SIGSEGV". */
  readonly what: string;
  /** The last lines it wrote. */
  readonly tail: readonly string[];

  constructor(what: string, tail: readonly string[], options?: ErrorOptions) {
    super([`it ${what}`, ...tail].join("\n"), options);
    this.what = what;
    this.tail = tail;
  }

  /** Whether the process says that the disk was full. */
  get isDiskFull(): boolean {
    return this.tail.some((line) => DISK_FULL.test(line));
  }
}

const DISK_FULL = /\b(ENOSPC|EDQUOT)\b|no space left on device|disk quota exceeded/i;
const TAIL_LINES = 10;
const TAIL_LINE_CHARS_MAX = 400;
/** How long output is awaited after the end of a process, which others may hold open. */
const OUTPUT_MS_MAX = 2000;

/**
 * Runs a process in a group of its own, and ends all of the group with it. Throws `StepError`, or
 * the reason of the signal.
 */
export async function runStep(options: StepOptions): Promise<void> {
  const { command, cwd, env, signal, clock } = options;
  signal.throwIfAborted();
  const [file, ...args] = command;
  const child = spawn(file, args, {
    ...{ cwd, env, detached: true },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const tail: string[] = [];
  const outputs = [child.stdout, child.stderr];
  const closed = Promise.all([
    follow(child.stdout, (line) => take(line, "stdout")),
    follow(child.stderr, (line) => take(line, "stderr")),
  ]);
  const { pid } = child;
  const id = pid === undefined ? undefined : processOf(pid);
  if (id !== undefined) options.onStart(id);
  const abort = () => endGroup(pid);
  signal.addEventListener("abort", abort);
  try {
    const what = await ended(child);
    // What it left running would hold its output open, and work on in a directory that goes away.
    endGroup(pid);
    using _ = clock.after(OUTPUT_MS_MAX, () => {
      for (const output of outputs) output.destroy();
    });
    await closed;
    signal.throwIfAborted();
    if (what !== undefined) throw new StepError(what, tail);
  } finally {
    signal.removeEventListener("abort", abort);
  }

  function take(line: string, from: "stdout" | "stderr"): void {
    options.onLine(line, from);
    if (line.trim() === "") return;
    tail.push(line.slice(0, TAIL_LINE_CHARS_MAX));
    if (tail.length > TAIL_LINES) tail.shift();
  }
}

/** How a process ended, when that was not well. */
async function ended(child: ChildProcess): Promise<string | undefined> {
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
    if (code === 0) return undefined;
    return code === null ? `was ended by ${signal}` : `failed with exit code ${code}`;
  } catch (thrown) {
    return `could not be started: ${whyNotStarted(thrown, child.spawnfile)}`;
  }
}

function whyNotStarted(thrown: unknown, file: string): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const isMissing = "code" in thrown && thrown.code === "ENOENT";
  return isMissing ? `"${file}" is not on this server's path of tools` : thrown.message;
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // There is nobody left in it.
  }
}

async function follow(stream: Readable, take: (line: string) => void): Promise<void> {
  const lines = new Lines(take);
  stream.on("data", (chunk: Buffer) => lines.write(chunk));
  await new Promise<void>((resolve) => stream.once("close", resolve));
  lines.end();
}
