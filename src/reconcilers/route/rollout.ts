import { readDurationMs } from "../../api/duration.ts";
import type { ObjectKey } from "../../api/meta.ts";
import { type Rollout, type RolloutShare, SENT_BACK_BY_HAND } from "../../api/rollout.ts";
import type { RolloutStrategy } from "../../api/rollout_strategy.ts";
import type { Route } from "../../api/route.ts";
import { rolloutDurationOf } from "../../api/serving.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import { microTimestampOf } from "../../base/clock.ts";
import type { Named } from "./desired.ts";
import type { RolloutNotes } from "./notes.ts";
import { type Before, climbed } from "./steps.ts";

/** A target, who gets its requests, and the latest Revision where it tracks a Configuration. */
export interface Tracked extends Named {
  readonly latest?: { readonly name: string; readonly notes: RolloutNotes };
}

export interface RollingOptions {
  readonly nowMs: number;
  readonly strategy: RolloutStrategy;
  /** Whether a Revision of before is still there to be sent requests. */
  readonly isThere: (revision: ObjectKey) => boolean;
}

export interface Rolled {
  /** The targets, a tracked one in as many parts as Revisions share its requests. */
  readonly named: readonly Named[];
  readonly rollouts: readonly Rollout[];
}

/** The least time of a step: the gateway follows within milliseconds, and people in seconds. */
const STEP_MS_MIN = 1000;

/**
 * Moves the requests of what tracks a Configuration to its latest Revision by steps, when the Route
 * says so: in how many and which, or how long that shall take (spec/elafros §4.9). Tags and shares
 * of one percent move at once. What was sent back stays with whom it was sent back to.
 */
export function rolledOut(
  route: Route,
  targets: readonly Tracked[],
  options: RollingOptions,
): Rolled {
  const rollouts: Rollout[] = [];
  const named = targets.flatMap((one): readonly Named[] => {
    if (one.latest !== undefined && one.latest.name !== one.revisionName) {
      const back = sentBack(one, one.latest);
      rollouts.push(back);
      return partsOf(one, back);
    }
    const rollout = rolling(route, one, options);
    if (rollout === undefined) return [one];
    rollouts.push(rollout);
    return partsOf(one, rollout);
  });
  return { named, rollouts };
}

function partsOf({ target }: Named, { revisions, revisionName }: Rollout): readonly Named[] {
  return revisions.map((share) => ({
    target: partOf(target, share, share.revisionName === revisionName),
    revisionName: share.revisionName,
  }));
}

/** All is where it was before. The tag stays, for whoever wants to find out what was wrong. */
function sentBack(
  { target, revisionName }: Tracked,
  { name, notes }: NonNullable<Tracked["latest"]>,
): Rollout {
  const { configurationName = "", tag, percent = 0 } = target;
  const { reason = SENT_BACK_BY_HAND, message = "" } = notes;
  return {
    ...{ configurationName, ...(tag !== undefined && { tag }) },
    revisions: [
      { revisionName, percent },
      ...(tag === undefined ? [] : [{ revisionName: name, percent: 0 }]),
    ],
    ...{ revisionName: name, phase: "Aborted", reason, message },
  };
}

function rolling(route: Route, one: Tracked, options: RollingOptions): Rollout | undefined {
  const { target, revisionName, latest } = one;
  const { nowMs, isThere, strategy } = options;
  const said = rolloutDurationOf(route.metadata.annotations);
  const durationMs = said === undefined ? 0 : (readDurationMs(said) ?? 0);
  const { percent = 0, configurationName, tag } = target;
  const isSlow = durationMs > 0 || strategy.steps.length > 0;
  if (!isSlow || percent <= 1 || configurationName === undefined) return undefined;
  const { namespace } = route.metadata;
  const known = beforeOf(route, target);
  const there = known.revisions.filter((it) => isThere({ namespace, name: it.revisionName }));
  const before = { ...known, revisions: there };
  const notes = latest?.notes ?? { isPaused: false, promoted: 0 };
  const climbing = { latest: revisionName, notes, percent, strategy, nowMs };
  const rollout =
    strategy.steps.length > 0
      ? climbed(before, climbing)
      : stepped(before, { ...one, notes, durationMs, nowMs });
  return rollout && { configurationName, ...(tag !== undefined && { tag }), ...rollout };
}

/** Only the newest has the tag of the target: that is always the host of the latest. */
function partOf(target: TrafficTarget, { percent }: RolloutShare, isNewest: boolean) {
  const { tag, ...rest } = target;
  return { ...rest, percent, ...(isNewest && tag !== undefined && { tag }) };
}

/** How far it was: as it is told in status, or else who has all of it. */
function beforeOf({ status }: Route, { configurationName, tag }: TrafficTarget): Before {
  const known = status?.rollouts?.find((it) => {
    return it.configurationName === configurationName && it.tag === tag;
  });
  if (known !== undefined) return known;
  const served = status?.traffic?.find((it) => it.latestRevision === true && it.tag === tag);
  const { revisionName, percent = 0 } = served ?? {};
  return { revisions: revisionName === undefined ? [] : [{ revisionName, percent }] };
}

interface Stepping extends Named {
  readonly notes: RolloutNotes;
  readonly durationMs: number;
  readonly nowMs: number;
}

/** How far it is now, or nothing when the latest has all. */
function stepped(
  before: Before,
  stepping: Stepping,
): Omit<Rollout, "configurationName"> | undefined {
  const { target, revisionName: latest, notes, nowMs } = stepping;
  const { percent = 0 } = target;
  const shares = resized(before.revisions, percent).filter((it) => it.percent > 0);
  const newest = shares.at(-1);
  if (newest === undefined || notes.promoted > 0) return undefined;
  const head = { revisionName: latest, phase: "Progressing" as const };
  if (newest.revisionName !== latest) return { ...head, ...begun(shares, stepping) };
  const { stepPercent = percent, stepSeconds = 1, nextStepTime, trial } = before;
  const kept = { ...head, stepPercent, stepSeconds, ...(trial && { trial }) };
  if (notes.isPaused && shares.length > 1) {
    const said = { phase: "Paused", reason: "PausedByHand", message: "it is paused" } as const;
    return { ...kept, ...said, revisions: shares };
  }
  let atMs = nextStepTime === undefined ? nowMs : Date.parse(nextStepTime);
  let moved: readonly RolloutShare[] = shares;
  // More than one is due when nobody looked for a while.
  for (; atMs <= nowMs && moved.length > 1; atMs += stepSeconds * 1000) {
    moved = shifted(moved, stepPercent);
  }
  if (moved.length <= 1) return undefined;
  return { ...kept, revisions: moved, nextStepTime: timeOf(atMs) };
}

/** More goes to the newest; less comes off the oldest. */
function resized(shares: readonly RolloutShare[], percent: number): readonly RolloutShare[] {
  if (shares.length === 0) return [];
  const sum = shares.reduce((total, share) => total + share.percent, 0);
  if (sum <= percent) return shares.with(-1, grown(shares.at(-1), percent - sum));
  let over = sum - percent;
  return shares.map((share) => {
    const off = Math.min(over, share.percent);
    over -= off;
    return grown(share, -off);
  });
}

/** The first percent is taken from the newest of before, and the time begins anew. */
function begun(shares: readonly RolloutShare[], stepping: Stepping) {
  const { target, revisionName, durationMs, nowMs } = stepping;
  const { percent = 0 } = target;
  const others = shares.filter((it) => it.revisionName !== revisionName);
  const again = shares.find((it) => it.revisionName === revisionName);
  const start = again ?? { revisionName, percent: 0 };
  const revisions = shifted([...others, start], 1);
  const restMs = Math.max(1000, durationMs - STEP_MS_MIN);
  const steps = Math.max(1, Math.min(percent - 1, Math.floor(restMs / STEP_MS_MIN)));
  const stepPercent = Math.max(1, Math.round((percent - 1) / steps));
  const stepMs = restMs / steps;
  return {
    ...{ revisions, stepPercent, stepSeconds: stepMs / 1000 },
    nextStepTime: timeOf(nowMs + stepMs),
  };
}

/** One step: the newest gets more, off the newest of the others first. */
function shifted(shares: readonly RolloutShare[], percent: number): readonly RolloutShare[] {
  let left = percent;
  const others = shares.slice(0, -1).toReversed();
  const less = others.map((share) => {
    const off = Math.min(left, share.percent);
    left -= off;
    return grown(share, -off);
  });
  const kept = less.toReversed().filter((it) => it.percent > 0);
  return [...kept, grown(shares.at(-1), percent - left)];
}

function grown(share: RolloutShare | undefined, percent: number): RolloutShare {
  const { revisionName = "", percent: before = 0 } = share ?? {};
  return { revisionName, percent: before + percent };
}

function timeOf(ms: number): string {
  return microTimestampOf(Math.ceil(ms));
}
