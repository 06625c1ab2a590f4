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
export function exitOf({ ended, remains, illness, at }: Ending): Exit {
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
