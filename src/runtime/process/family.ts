import type { Clock } from "../../base/clock.ts";
import { isRunning, type ProcessId, signal } from "../../base/process.ts";
import type { Usage } from "../runtime.ts";
import { isCode } from "../system_error.ts";
import type { Cgroup } from "./cgroup.ts";
import { TOKEN_VARIABLE } from "./environment.ts";
import { processes, processesWith, type RecentProcesses, residentBytes } from "./process_table.ts";

/** All the processes of one run: the one that leads it, and whatever that has started. */
export interface Family {
  /** Absent when it is not known that there ever was one. */
  readonly leader: ProcessId | undefined;
  readonly token: string;
  readonly cgroup: Cgroup | undefined;
}

/** The numbers of all that run. A negative one, where we cannot look closer, is a whole group. */
export function members(family: Family): readonly number[] {
  const { leader, token, cgroup } = family;
  const inside = cgroup?.pids() ?? [];
  if (inside.length > 0) return inside;
  const hasLeader = leader !== undefined && isGroup(leader.pid);
  // In a cgroup are all of them, but for what began before its parent was taken in.
  if (cgroup !== undefined && !hasLeader) return [];
  if (process.platform !== "linux") return hasLeader ? [-leader.pid] : [];
  const marked = processesWith(TOKEN_VARIABLE);
  const isOurs = (pid: number) => marked.get(pid) === token;
  // Without a mark it may still be of the session; but a session of that number may be another's.
  const isOurSession = leader !== undefined && (isRunning(leader) || isOurs(leader.pid));
  return processes()
    .filter(({ pid, session }) => isOurs(pid) || (isOurSession && session === leader.pid))
    .map(({ pid }) => pid);
}

/** Kills all of it, and resolves when it is gone, or only what we may not kill is left. */
export async function killAll(family: Family, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let pauseMs = 2; ; pauseMs = Math.min(2 * pauseMs, 250)) {
    const left = members(family).filter((pid) => pid !== process.pid);
    if (left.length === 0) return;
    family.cgroup?.kill();
    // All of them, and not only up to the first.
    const killed = left.filter(killIfThere);
    // What is frozen does not even end.
    family.cgroup?.thaw();
    if (killed.length === 0) return;
    await clock.sleep(pauseMs, { signal });
  }
}

/** Takes the processor from all of it: by its cgroup where that can be done, else by signals. */
export function freezeAll(family: Family): void {
  if (family.cgroup?.freeze() === true) return;
  for (const pid of members(family)) sendIfThere(pid, "SIGSTOP");
}

/** Gives it back: first to the process that leads, for it is the one that is waited for. */
export function thawAll(family: Family): void {
  if (family.cgroup?.thaw() === true) return;
  const { leader } = family;
  if (leader !== undefined) signal(leader, "SIGCONT");
  for (const pid of members(family)) sendIfThere(pid, "SIGCONT");
}

/** What a run uses; nothing where the machine does not say. */
export function usageOf(family: Family, recent: RecentProcesses): Usage | undefined {
  const { leader, cgroup } = family;
  const [cpuNs, memoryBytes] = [cgroup?.cpuNs(), cgroup?.memoryBytes()];
  if (cpuNs !== undefined && memoryBytes !== undefined) return { cpuNs, memoryBytes };
  const rows = recent.list().filter(({ session }) => session === leader?.pid);
  if (rows.length === 0) return undefined;
  const sum = (values: readonly number[]) => values.reduce((total, it) => total + it, 0);
  return {
    cpuNs: cpuNs ?? sum(rows.map((it) => it.cpuNs)),
    memoryBytes: memoryBytes ?? sum(rows.map(({ pid }) => residentBytes(pid))),
  };
}

function isGroup(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** SIGKILL. Being gone is no failure; answers whether we had the right. */
export function killIfThere(pid: number): boolean {
  return sendIfThere(pid, "SIGKILL");
}

function sendIfThere(pid: number, name: "SIGKILL" | "SIGSTOP" | "SIGCONT"): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (thrown) {
    if (isCode(thrown, "ESRCH")) return true;
    if (isCode(thrown, "EPERM")) return false;
    throw thrown;
  }
}
