import type { Instance } from "../runtime.ts";
import type { InstanceRecord, RunRecord } from "./records.ts";

type View = Pick<Instance, "phase" | "message">;

/** An instance as its record has it. */
export function instanceOf({ spec, createdAt, runs, run, lastExit }: InstanceRecord, view: View) {
  const isUp = run?.process !== undefined && run.phase !== "over" && run.number === runs - 1;
  const up = isUp && {
    address: { host: "127.0.0.1", port: run.port },
    pid: run.process.pid,
    startedAt: run.startedAt,
    ...startOf(run),
  };
  return {
    spec,
    createdAt,
    restarts: Math.max(0, runs - 1),
    ...view,
    ...up,
    ...(lastExit !== undefined && { lastExit }),
    caveats: run?.caveats ?? [],
  };
}

function startOf({ unpackMs, startMs, readyMs }: RunRecord) {
  if (unpackMs === undefined || startMs === undefined || readyMs === undefined) return {};
  return { start: { unpackMs, startMs, readyMs } };
}
