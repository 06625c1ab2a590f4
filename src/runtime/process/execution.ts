import { spawn } from "node:child_process";
import { readlinkSync } from "node:fs";
import { ApiError } from "../../api/error.ts";
import { NotStarted } from "../not_started.ts";
import { type ExecRequest, type Execution, exitCodeOf, type TerminalSize } from "../runtime.ts";
import type { Cgroup } from "./cgroup.ts";
import { findExecutable } from "./executable.ts";
import { killIfThere } from "./family.ts";
import { type Launched, launch } from "./launch.ts";
import { instead, type Plan } from "./plan.ts";
import { processes } from "./process_table.ts";

export interface ExecPlace {
  /** How the instance was started; the command is in the same way. */
  readonly plan: Plan;
  readonly cgroup: Cgroup | undefined;
  readonly inherited: readonly number[];
  readonly toolPath: string;
}

/** What the kernel's terminals are made by: a part of every Linux, and of others. */
const SCRIPT = "script";

/** Starts a command beside an instance. Throws `BadRequest` when it cannot be run. */
export async function execute(request: ExecRequest, place: ExecPlace): Promise<Execution> {
  const { plan, cgroup, inherited } = place;
  try {
    const asked = planFor(request, place);
    const launched = await launch(asked, { output: "pipe", cgroup, inherited });
    return executionOf(launched, { request, plan });
  } catch (thrown) {
    if (!(thrown instanceof NotStarted)) throw thrown;
    throw new ApiError("BadRequest", thrown.message, { cause: thrown });
  }
}

function planFor({ command, terminal }: ExecRequest, { plan, toolPath }: ExecPlace): Plan {
  const [file, ...args] = command;
  if (file === undefined) throw new ApiError("BadRequest", "you must specify a command to run");
  const asked = instead(plan, [file, ...args]);
  if (terminal === undefined) return asked;
  const { columns, rows } = terminal;
  const size = `stty rows ${Math.trunc(rows)} cols ${Math.trunc(columns)} 2>/dev/null`;
  const line = `${size}; exec ${asked.command.map(quoted).join(" ")}`;
  const env = { TERM: "xterm", ...plan.env, SHELL: "/bin/sh" };
  return { ...asked, env, command: [scriptOn(toolPath), "-qefc", line, "/dev/null"] };
}

function scriptOn(path: string): string {
  try {
    return findExecutable(SCRIPT, { tree: "/", directory: "/", path });
  } catch (thrown) {
    const message =
      "there is no terminal to be had here: that needs the `script` program of util-linux on the " +
      "server's PATH. Leave out --tty (-t)";
    throw new ApiError("NotImplemented", message, { cause: thrown });
  }
}

interface Started {
  readonly request: ExecRequest;
  readonly plan: Plan;
}

function executionOf({ pid, ended, pipes }: Launched, { request, plan }: Started): Execution {
  if (pipes === undefined) throw new Error("what was started with pipes has none");
  const { input, output, errors } = pipes;
  // Who no longer reads is no failure of ours.
  input.on("error", () => {});
  if (!request.hasInput) input.end();
  let isOver = false;
  const code = ended.then((it) => {
    isOver = true;
    return exitCodeOf(it) ?? 1;
  });
  return {
    input: request.hasInput ? input : undefined,
    output,
    errors,
    ended: code,
    resize(size) {
      if (request.terminal !== undefined) resizeOf(pid, size, plan);
    },
    [Symbol.dispose]() {
      if (!isOver) hangUp(pid);
    },
  };
}

/** What has a terminal is in a session of its own below the program that holds it. */
function hangUp(pid: number): void {
  const below = processes().filter(({ parent }) => parent === pid);
  for (const { pid: child, session } of below) killIfThere(session === child ? -child : child);
  killIfThere(-pid);
}

/** Sets the size from outside, and the kernel tells whoever has that terminal. */
function resizeOf(pid: number, { columns, rows }: TerminalSize, { user }: Plan): void {
  const holder = processes().find(({ parent }) => parent === pid);
  const path = holder === undefined ? undefined : terminalOf(holder.pid);
  if (path === undefined) return;
  const size = ["rows", String(Math.trunc(rows)), "cols", String(Math.trunc(columns))];
  const child = spawn("stty", ["-F", path, ...size], { stdio: "ignore", ...user });
  child.on("error", () => {});
}

function terminalOf(pid: number): string | undefined {
  try {
    const path = readlinkSync(`/proc/${pid}/fd/0`);
    return path.startsWith("/dev/pts/") ? path : undefined;
  } catch {
    return undefined;
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
