import type { InstanceRecord, RunRecord } from "./records.ts";
import type { Ended, Remains } from "./run.ts";
import type { Exit } from "./runtime.ts";

/** All that is known of how a run ended. */
export interface Ending {
  readonly ended: Ended;
  readonly remains: Remains;
  /** Which probe failed, and what it found, when that is why it was ended. */
  readonly illness: string | undefined;
  readonly at: string;
}

/** How it ended, in one word, and with what to say about it. */
export function exitOf(ending: Ending): Exit {
  const { message } = ending.remains;
  return { ...howOf(ending), ...(message !== undefined && { message }) };
}

function howOf({ ended, remains, illness, at }: Ending): Exit {
  const { code } = ended;
  const { output } = remains;
  if (illness !== undefined) {
    const lines = output === "" ? "" : `\n${output}`;
    return { ...ended, reason: "Unhealthy", output: `${illness}${lines}`, at };
  }
  if (remains.isOutOfMemory && code !== 0) return { ...ended, reason: "OutOfMemory", output, at };
  if (!remains.wasStarted)
    return { reason: "NotStarted", output: `it cannot be executed: ${output}`, at };
  if (code === undefined && ended.signal === undefined) return { reason: "Unknown", output, at };
  return { ...ended, reason: code === 0 ? "Completed" : "Error", output, at };
}

/** How it ended, in a clause. */
export function toldOf({ reason, code, signal, output }: Exit): string {
  if (reason === "NotStarted") return `it could not be started: ${output}`;
  if (reason === "OutOfMemory") return "it needed more memory than its limit allows";
  if (reason === "Unhealthy") return output.split("\n")[0] ?? "";
  if (reason === "Unknown") return "it ended while this server was not there to see how";
  return signal === undefined ? `it ended with exit code ${code}` : `it was ended by ${signal}`;
}

/** Who was ready for so long has not failed in a row with what came before. */
const WELL_MS = 10 * 60 * 1000;

/** What is to be put on record when a run is over, or could not be begun. */
export function endedWith<R extends RunRecord>(
  { run, runs, failures }: InstanceRecord<R>,
  lastExit: Exit,
  nowMs: number,
): Partial<InstanceRecord<R>> {
  // The run on record is one before when the last could not be begun.
  const isBegun = run?.number === runs - 1;
  const wasWell = nowMs - (run?.readySinceMs ?? Infinity) >= WELL_MS;
  return {
    ...(run !== undefined && { run: { ...run, phase: "over" } }),
    lastExit: { ...lastExit, ...(run !== undefined && isBegun && { startedAt: run.startedAt }) },
    failures: wasWell ? 1 : failures + 1,
  };
}
