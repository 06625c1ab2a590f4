import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { hasVariable, isRunning, type ProcessId, processOf, signal } from "../base/process.ts";
import { BUILD_VARIABLE, notedProcess, removeTree } from "./work.ts";

const GONE_MS_MAX = 10_000;
const LOOK_MS = 20;

/** Whether a server that has crashed has left builds behind. */
export function hasLeftovers(works: string): boolean {
  return existsSync(works) && readdirSync(works).length > 0;
}

/**
 * Ends what builds of a server that has crashed left running, and removes their directories, all
 * of them in `works`.
 */
export async function clearLeftovers(works: string, clock: Clock): Promise<void> {
  if (!existsSync(works)) return;
  for (const name of readdirSync(works)) {
    const root = join(works, name);
    await endProcesses(root, clock);
    await removeTree(root);
  }
}

/** Ends every process of a build, also those that left the group they were started in. */
export async function endProcesses(root: string, clock: Clock): Promise<void> {
  const noted = notedProcess(root);
  const all = [...(noted === undefined ? [] : [noted]), ...markedProcesses(root)];
  for (const id of all) signal(id, "SIGKILL");
  const deadline = clock.elapsed() + GONE_MS_MAX;
  while (all.some(isRunning) && clock.elapsed() < deadline) await clock.sleep(LOOK_MS);
}

/** Only Linux lists the environments of all processes at a bearable price. */
function markedProcesses(root: string): readonly ProcessId[] {
  if (process.platform !== "linux") return [];
  const mark = `${BUILD_VARIABLE}=${root}`;
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.filter((pid) => hasVariable(pid, mark)).flatMap((pid) => processOf(pid) ?? []);
}
