import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Verdict, WELL } from "../attempt.ts";
import type { Cgroup } from "./cgroup.ts";
import { killIfThere } from "./family.ts";
import { launch } from "./launch.ts";
import { instead, type Plan } from "./plan.ts";

export interface ExecOptions {
  /** How the instance was started; the command is in the same way. */
  readonly plan: Plan;
  readonly cgroup: Cgroup | undefined;
  readonly inherited: readonly number[];
  readonly scratch: string;
  readonly signal: AbortSignal;
}

const OUTPUT_CHARS_MAX = 200;

/** Runs a command beside an instance. Exit code 0 means that the instance is well. */
export async function execProbe(
  [file, ...args]: readonly string[],
  { plan, cgroup, inherited, scratch, signal }: ExecOptions,
): Promise<Verdict> {
  if (file === undefined) return { isWell: false, message: "its exec probe has no command" };
  const path = join(scratch, "probe-output");
  const output = openSync(path, "w", 0o600);
  const asked = instead(plan, [file, ...args]);
  const launching = launch(asked, { output, cgroup, inherited });
  const { pid, ended } = await launching.finally(() => closeSync(output));
  const stop = () => killIfThere(-pid);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    const { code, signal: by } = await ended;
    if (code === 0) return WELL;
    const last = readFileSync(path, "utf8").trim().slice(-OUTPUT_CHARS_MAX);
    const how = by === undefined ? `exits with ${code}` : `is ended by ${by}`;
    return { isWell: false, message: `"${[file, ...args].join(" ")}" ${how}: ${last}` };
  } finally {
    signal.removeEventListener("abort", stop);
    // What it left running is no part of the instance.
    killIfThere(-pid);
  }
}
