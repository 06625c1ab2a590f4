import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * One process, told apart from any later one that gets the same number: after a restart of ours,
 * and after a restart of the machine.
 */
export interface ProcessId {
  readonly pid: number;
  /** When it began, in the machine's own words. Compare for equality only. */
  readonly startedAt: string;
}

export type Signal = "SIGTERM" | "SIGKILL" | "SIGINT" | "SIGHUP" | "SIGSTOP" | "SIGCONT";

/** The process that has this number now, or nothing when none has. A zombie is none. */
export function processOf(pid: number): ProcessId | undefined {
  const startedAt = process.platform === "linux" ? startOnLinux(pid) : startByPs(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/** Whether the process is still there. */
export function isRunning({ pid, startedAt }: ProcessId): boolean {
  return processOf(pid)?.startedAt === startedAt;
}

/** Whether `NAME=value` was in the environment that the process was started with. */
export function hasVariable(pid: number, variable: string): boolean {
  try {
    if (process.platform !== "linux") return ps(pid, "command=", ["-E"]).includes(variable);
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(variable);
  } catch {
    return false;
  }
}

/** As whom it acts, by number; nothing when it is gone, or where that cannot be known. */
export function ownerOf(pid: number): number | undefined {
  try {
    if (process.platform !== "linux") return numberIn(/(\d+)/, ps(pid, "uid="));
    return numberIn(/^Uid:\s+\d+\s+(\d+)/m, readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return undefined;
  }
}

function numberIn(pattern: RegExp, text: string): number | undefined {
  const [, digits] = pattern.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** Sends a signal to the process and its group, when it leads one. Being gone is no failure. */
export function signal(id: ProcessId, name: Signal): void {
  if (!isRunning(id)) return;
  for (const target of [-id.pid, id.pid]) {
    try {
      process.kill(target, name);
      return;
    } catch (thrown) {
      if (!(thrown instanceof Error) || !("code" in thrown) || thrown.code !== "ESRCH")
        throw thrown;
    }
  }
}

/** The same pid may come again, and the same tick after a reboot; both together may not. */
function startOnLinux(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the name in parentheses, and may hold anything.
    const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (state === "Z" || state === "X") return undefined;
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot}/${rest[18]}`;
  } catch {
    return undefined;
  }
}

function startByPs(pid: number): string | undefined {
  try {
    const [state = "", ...started] = ps(pid, "stat=,lstart=").trim().split(/\s+/);
    return state.startsWith("Z") || started.length === 0 ? undefined : started.join(" ");
  } catch {
    return undefined;
  }
}

function ps(pid: number, columns: string, flags: readonly string[] = []): string {
  const args = [...flags, "-o", columns, "-p", String(pid)];
  return execFileSync("ps", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}
