import { conditionOf } from "../../api/condition.ts";
import type { Revision } from "../../api/revision.ts";
import type { Rollout } from "../../api/rollout.ts";
import type { RolloutGate } from "../../api/rollout_strategy.ts";

/** Why a new Revision has to be sent back: one word, and a sentence with the figures of both. */
export interface Breach {
  readonly reason: "ErrorRateWorse" | "LatencyWorse" | "NotReady";
  readonly message: string;
}

export interface Suspect {
  readonly rollout: Rollout;
  readonly newest: Revision;
  readonly oldest: Revision;
  readonly gate: RolloutGate;
  readonly nowMs: number;
}

/** What speaks against the new Revision, if anything does. */
export function breachOf(suspect: Suspect): Breach | undefined {
  return notReady(suspect) ?? worse(suspect);
}

/** When its readiness has to be looked at again, though nothing has changed by then. */
export function lookAgainMs({ newest, gate, nowMs }: Omit<Suspect, "rollout" | "oldest">) {
  const sinceMs = unreadySince(newest);
  if (gate.readiness === undefined || sinceMs === undefined) return undefined;
  return Math.max(1, sinceMs + gate.readiness.graceMs - nowMs);
}

function worse({ rollout, newest, oldest, gate }: Suspect): Breach | undefined {
  const { trial } = rollout;
  if (trial === undefined) return undefined;
  const { verdict, requests, failed } = trial;
  const [mine, theirs] = [newest.metadata.name, oldest.metadata.name];
  if (verdict === "ErrorRateWorse") {
    const rate = (which: "new" | "old") =>
      `${percentOf(failed[which], requests[which])} of ${requests[which]} requests`;
    const said = `"${mine}" failed ${rate("new")}, "${theirs}" ${rate("old")} over the same time`;
    return { reason: verdict, message: said };
  }
  if (verdict !== "LatencyWorse") return undefined;
  const { percentile = 0, factor = 1 } = gate.latency ?? {};
  const limit = `at most ${factor} times as long is allowed`;
  const { hung, percentileMs } = trial;
  if (hung !== undefined && hung.new > 0) {
    const open = `"${mine}" has ${hung.new} requests open for longer than p${percentile} allows`;
    const both = `${open}, "${theirs}" ${hung.old}, of ${requests.old} that it answered`;
    return { reason: verdict, message: `${both} over the same time; ${limit}` };
  }
  const ms = (which: "new" | "old") =>
    `${rounded(percentileMs?.[which] ?? 0)} ms of ${requests[which]} requests`;
  const said = `p${percentile} of "${mine}" is ${ms("new")}, that of "${theirs}" ${ms("old")}`;
  return { reason: verdict, message: `${said} over the same time; ${limit}` };
}

function notReady({ newest, oldest, gate, nowMs }: Suspect): Breach | undefined {
  // Who is no better is no place to go back to.
  const isOldReady = conditionOf(oldest.status, "Ready")?.status !== "False";
  if (gate.readiness === undefined || !isOldReady) return undefined;
  const ready = conditionOf(newest.status, "Ready");
  const count = ({ metadata, status }: Revision) =>
    `"${metadata.name}" ${status?.actualReplicas ?? 0} of ${status?.desiredReplicas ?? 0}`;
  const both = `instances that are ready: ${count(newest)}, ${count(oldest)}`;
  if (ready?.status === "False") {
    return { reason: "NotReady", message: `${both}; ${ready.reason}: ${ready.message}` };
  }
  const sinceMs = unreadySince(newest);
  const isLong = sinceMs !== undefined && nowMs - sinceMs >= gate.readiness.graceMs;
  if (!isLong) return undefined;
  const seconds = Math.round((nowMs - sinceMs) / 1000);
  return { reason: "NotReady", message: `${both}, for ${seconds} s` };
}

/** Since when it is asked for, and has nobody who serves. */
function unreadySince({ status }: Revision): number | undefined {
  const active = conditionOf(status, "Active");
  const { desiredReplicas = 0, actualReplicas = 0 } = status ?? {};
  if (active?.status === "True" || desiredReplicas === 0 || actualReplicas > 0) return undefined;
  return active?.lastTransitionTime === undefined
    ? undefined
    : Date.parse(active.lastTransitionTime);
}

export function percentOf(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (part / whole) * 100;
  const isSmall = percent > 0 && percent < 1;
  return `${isSmall ? Number(percent.toPrecision(1)) : Math.round(percent * 10) / 10} %`;
}

function rounded(ms: number): number {
  return ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms);
}
