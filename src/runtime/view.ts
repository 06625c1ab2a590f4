import type { InstanceRecord, RunRecord } from "./records.ts";
import type { Driver } from "./run.ts";
import type { Instance } from "./runtime.ts";

type View = Pick<Instance, "phase" | "message">;

export const FROZEN: View = {
  phase: "frozen",
  message: "it is frozen, as nobody asks for it",
};

/** How a run is shown that was just begun, or found again. */
export function upView({ phase, isFrozen = false }: Partial<RunRecord> = {}): View {
  if (isFrozen) return FROZEN;
  if (phase === "ready") return { phase, message: "" };
  const message = "it has not been probed yet";
  return { phase: phase === "unready" ? phase : "starting", message };
}

/** An instance as its record has it. */
export function instanceOf<R extends RunRecord>(
  { spec, createdAt, runs, run, lastExit }: InstanceRecord<R>,
  view: View,
  placeOf: Driver<R>["placeOf"],
): Instance {
  const isNow = run !== undefined && run.phase !== "over" && run.number === runs - 1;
  const place = isNow ? placeOf(run) : undefined;
  const up = isNow && place && { ...place, startedAt: run.startedAt, ...startOf(run) };
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
