import { readFileSync } from "node:fs";
import { isCode } from "../system_error.ts";

/**
 * Kills a process of a container and all that it has started: the engine has no call for that.
 * It is known by its cgroup, so that a number which means another process here, as with an engine
 * in a virtual machine, harms nobody. Answers whether it was found.
 */
export function killInside(containerId: string, pid: number): boolean {
  if (!textIn(`/proc/${pid}/cgroup`).includes(containerId)) return false;
  const below = textIn(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean);
  killIfThere(pid);
  for (const child of below) killInside(containerId, Number(child));
  return true;
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (thrown) {
    if (!isCode(thrown, "ESRCH", "EPERM")) throw thrown;
  }
}

function textIn(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
