import { readdirSync, readFileSync } from "node:fs";
import type { Clock } from "../../base/clock.ts";
import { isCode } from "../system_error.ts";

/** One process, as `/proc` has it. Zombies are left out. */
export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  readonly cpuNs: number;
}

/** Linux counts processor time for users in hundredths of a second, on every architecture. */
const TICK_NS = 10_000_000;
const RECENT_MS = 500;

/** All processes; none where there is no `/proc`. */
export function processes(): readonly ProcessRow[] {
  return pids().flatMap((pid) => {
    const stat = readProc(pid, "stat");
    // The second field is the name in parentheses, and may hold anything.
    const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (stat === "" || state === "Z" || state === "X") return [];
    const cpuNs = (Number(rest[10]) + Number(rest[11])) * TICK_NS;
    return [{ pid, parent: Number(rest[0]), session: Number(rest[2]), cpuNs }];
  });
}

/** All processes as they were a moment ago: who asks for each of many asks the system once. */
export class RecentProcesses {
  readonly #clock: Clock;
  #rows: readonly ProcessRow[] = [];
  #atMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  list(): readonly ProcessRow[] {
    const nowMs = this.#clock.elapsed();
    if (nowMs - this.#atMs > RECENT_MS) {
      this.#rows = processes();
      this.#atMs = nowMs;
    }
    return this.#rows;
  }
}

/** The value that a variable had when the process was started, of each that had it. */
export function processesWith(variable: string): ReadonlyMap<number, string> {
  const head = `${variable}=`;
  const found = pids().flatMap((pid): readonly (readonly [number, string])[] => {
    const line = readProc(pid, "environ")
      .split("\0")
      .find((it) => it.startsWith(head));
    return line === undefined ? [] : [[pid, line.slice(head.length)]];
  });
  return new Map(found);
}

/** What it holds in memory, in bytes. */
export function residentBytes(pid: number): number {
  const [, kilobytes = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(pid, "status")) ?? [];
  return Number(kilobytes) * 1024;
}

function pids(): readonly number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((it) => /^\d+$/.test(it))
    .map(Number);
}

/** Empty when the process is gone, or not ours to look into. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (thrown) {
    if (isCode(thrown, "ENOENT", "ESRCH", "EACCES", "EPERM")) return "";
    throw thrown;
  }
}
