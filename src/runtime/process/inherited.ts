import { readdirSync, readFileSync } from "node:fs";
import { isCode } from "../system_error.ts";

const CLOSED_ON_EXEC = 0o2000000;

/**
 * Files that whoever started this process left open in it, beyond the first three, and that any
 * process started by us would have open in turn: in rising order. Node opens none of that kind.
 */
export function inheritedFds(): readonly number[] {
  if (process.platform !== "linux") return [];
  const open = readdirSync("/proc/self/fd").map(Number);
  return open.filter((fd) => fd > 2 && isPassedOn(fd)).toSorted((a, b) => a - b);
}

function isPassedOn(fd: number): boolean {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    const [, flags = "0"] = /^flags:\s+([0-7]+)$/m.exec(text) ?? [];
    return (Number.parseInt(flags, 8) & CLOSED_ON_EXEC) === 0;
  } catch (thrown) {
    // Such as the one with which the directory was read.
    if (isCode(thrown, "ENOENT")) return false;
    throw thrown;
  }
}
