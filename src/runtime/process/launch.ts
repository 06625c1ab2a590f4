import { spawn } from "node:child_process";
import { closeSync, fchownSync, openSync } from "node:fs";
import { devNull } from "node:os";
import type { Readable, Writable } from "node:stream";
import { NotStarted } from "../not_started.ts";
import type { Ended } from "../run.ts";
import type { Cgroup, Doors } from "./cgroup.ts";
import type { Plan } from "./plan.ts";
import { processes } from "./process_table.ts";

export interface Launching {
  /** An open file for what it writes; or pipes, for all that it reads and writes. */
  readonly output: number | "pipe";
  readonly cgroup: Cgroup | undefined;
  /** What would be inherited from us, and shall not be. */
  readonly inherited: readonly number[];
}

/** What the shell says when it cannot execute begins with the name we give it, or with this. */
const SHELL_NAME = "varve-start";

/** What ended is the shell that was to execute it, and could not. */
export function isShell(code: number | undefined, output: string): boolean {
  const isRefusal = code !== undefined && code >= 125 && code <= 127;
  const begins = [`${SHELL_NAME}: `, "/usr/bin/env: "];
  return isRefusal && begins.some((begin) => output.startsWith(begin));
}

const SHELL_NAMES = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Variables that a shell would change on their way through it. */
const SHELL_VARIABLES = new RegExp(
  "^(_|PWD|OLDPWD|SHLVL|IFS|PPID|UID|EUID|GROUPS|OPTIND|OPTARG|OPTERR|LINENO|SHELLOPTS|BASH\\w*" +
    "|RANDOM|SECONDS|POSIXLY_CORRECT)$",
);

/** A process that was started. */
export interface Launched {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Where it was asked for pipes. */
  readonly pipes?: Pipes | undefined;
}

export interface Pipes {
  readonly input: Writable;
  readonly output: Readable;
  readonly errors: Readable;
}

/**
 * Starts a process that stands by itself: a session of its own, nothing of ours but the variables
 * and the output it is given, and nothing to read. Throws `NotStarted`.
 */
export async function launch(plan: Plan, launching: Launching): Promise<Launched> {
  const { output, cgroup } = launching;
  const { uid, gid } = plan.user;
  // So that it may open its standard output anew, by the name in /dev.
  if (output !== "pipe" && uid !== undefined && gid !== undefined) fchownSync(output, uid, gid);
  if (cgroup === undefined) return await started(plan, launching);
  if (!Object.keys(plan.env).every(passesShell)) return await joinedLater(plan, launching, cgroup);
  using doors = cgroup.openDoors();
  const command = ["/bin/sh", "-c", joining(doors), SHELL_NAME, ...plan.command] as const;
  return await started({ ...plan, command }, { ...launching, doors: doors.fds });
}

/**
 * Joins each cgroup before there is anything to be missed in it, and closes the way behind. Some
 * shells count themselves in the variables that they pass on; `env` takes those out.
 */
function joining({ fds }: Doors): string {
  const joins = fds.map((_, index) => `echo 0 >&${index + 3} && exec ${index + 3}>&-`);
  const join = [...joins, ":"].join(" && ");
  const unset = "unset PWD OLDPWD SHLVL _";
  const clean = '[ -z "$BASH_VERSION" ] || exec /usr/bin/env -u SHLVL -u _ "$@"';
  return `${join} || exit 125; ${unset}; ${clean}; exec "$@"`;
}

function passesShell(name: string): boolean {
  return SHELL_NAMES.test(name) && !SHELL_VARIABLES.test(name);
}

/** For the few whose variables no shell would leave alone: it joins when it runs already. */
async function joinedLater(plan: Plan, launching: Launching, cgroup: Cgroup): Promise<Launched> {
  const child = await started(plan, launching);
  cgroup.take(child.pid);
  for (const { pid, session } of processes()) if (session === child.pid) cgroup.take(pid);
  return child;
}

interface Open extends Pick<Launching, "output" | "inherited"> {
  readonly doors?: readonly number[];
}

function started({ command, directory, env, user }: Plan, open: Open): Promise<Launched> {
  const [file, ...args] = command;
  const nothing = openSync(devNull, "r");
  const { promise, resolve, reject } = Promise.withResolvers<Launched>();
  try {
    const child = spawn(file, args, {
      cwd: directory,
      // Node would pass this one on by itself.
      env: { ...env, NODE_V8_COVERAGE: env["NODE_V8_COVERAGE"] },
      ...user,
      detached: true,
      stdio: stdioOf(open, nothing),
    });
    child.unref();
    child.once("error", (error) => {
      reject(new NotStarted(`cannot run "${file}": ${error.message}`, { cause: error }));
    });
    const ended = new Promise<Ended>((end) => {
      child.once("exit", (code, signal) => end(endedBy(code, signal)));
    });
    const { stdin: input, stdout, stderr: errors } = child;
    const pipes = input && stdout && errors ? { input, output: stdout, errors } : undefined;
    child.once("spawn", () => resolve({ pid: child.pid ?? 0, ended, pipes }));
  } finally {
    closeSync(nothing);
  }
  return promise;
}

/** Nothing takes the place of what would be inherited. */
function stdioOf({ output, doors = [], inherited }: Open, nothing: number) {
  const input = output === "pipe" ? output : "ignore";
  const stdio: ("ignore" | "pipe" | number)[] = [input, output, output, ...doors];
  for (const fd of inherited) {
    while (stdio.length < fd) stdio.push("ignore");
    stdio[fd] ??= nothing;
  }
  return stdio;
}

function endedBy(code: number | null, signal: string | null): Ended {
  if (signal !== null) return { signal };
  return code === null ? {} : { code };
}
