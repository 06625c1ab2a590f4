import type { Revision, RevisionStatus } from "../../api/revision.ts";
import type { Instance } from "../../runtime/runtime.ts";
import type { RevisionParts } from "./deps.ts";
import type { Planned } from "./planned.ts";

export type ColdStart = NonNullable<RevisionStatus["coldStart"]>;

export interface Waking {
  readonly planned: Planned;
  /** Those that serve, as every worker has confirmed. */
  readonly serving: readonly Instance[];
}

/**
 * How long the last start took that somebody waited for, and its parts: to be asked once the
 * gateway has the instance. Without a new one, it is the one before.
 */
export function coldStartOf(
  revision: Revision,
  { planned, serving }: Waking,
  { autoscaler, clock, recorder }: RevisionParts,
): ColdStart | undefined {
  const last = revision.status?.coldStart;
  const [instance] = serving.filter(({ start }) => start !== undefined);
  if (serving.length === 0) return last;
  const woken = autoscaler.awoke(revision.metadata);
  const { unpackMs = 0, startMs = 0, readyMs = 0 } = instance?.start ?? {};
  const at = clock.timestamp();
  if (woken === undefined) {
    const isFirst = planned.isNew && last === undefined && instance !== undefined;
    if (!isFirst) return last;
    return rounded({ from: "new", at, scheduleMs: 0, unpackMs, startMs, readyMs });
  }
  const { from, ms } = woken;
  if (from === "frozen") {
    return rounded({ from, at, scheduleMs: ms, unpackMs: 0, startMs: 0, readyMs: 0 });
  }
  const scheduleMs = Math.max(0, ms - unpackMs - startMs - readyMs);
  const start = rounded({ from, at, scheduleMs, unpackMs, startMs, readyMs });
  recorder.record(revision, { type: "Normal", reason: "ColdStart", message: told(start) });
  return start;
}

function told({ totalMs, scheduleMs, unpackMs, startMs, readyMs }: ColdStart): string {
  const parts = `schedule ${scheduleMs}, unpack ${unpackMs}, start ${startMs}, ready ${readyMs}`;
  return `Served ${totalMs} ms after it was asked for: ${parts}`;
}

function rounded(start: Omit<ColdStart, "totalMs">): ColdStart {
  const { scheduleMs, unpackMs, startMs, readyMs, ...rest } = start;
  const parts = { scheduleMs, unpackMs, startMs, readyMs };
  const all = Object.entries(parts).map(([name, ms]) => [name, tenths(ms)] as const);
  const totalMs = tenths(scheduleMs + unpackMs + startMs + readyMs);
  return { ...rest, ...(Object.fromEntries(all) as typeof parts), totalMs };
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
