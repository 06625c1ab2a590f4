import type { Rollout } from "../../api/rollout.ts";
import type { RolloutStep, RolloutStrategy } from "../../api/rollout_strategy.ts";
import { microTimestampOf } from "../../base/clock.ts";
import type { RolloutNotes } from "./notes.ts";

/** How far it was: as status tells it, or else who has all requests. */
export type Before = Pick<Rollout, "revisions"> & Partial<Rollout>;

export interface Climbing {
  /** The Revision that shall have all. */
  readonly latest: string;
  readonly notes: RolloutNotes;
  /** Of the target, in whole percent of the requests to the Route. */
  readonly percent: number;
  readonly strategy: RolloutStrategy;
  readonly nowMs: number;
}

type Climbed = Omit<Rollout, "configurationName" | "tag">;

/** At which step a rollout is now, or nothing when the latest has all. */
export function climbed(before: Before, climbing: Climbing): Climbed | undefined {
  const { latest, notes, percent, strategy, nowMs } = climbing;
  const stable = before.revisions.find((it) => it.revisionName !== latest && it.percent > 0);
  if (stable === undefined) return undefined;
  const { steps, gate } = strategy;
  const isSame = before.revisionName === latest && before.phase !== "Aborted";
  const from: Partial<Rollout> = isSame ? before : {};
  let { step = 0 } = from;
  let sinceMs = from.stepTime === undefined ? nowMs : Date.parse(from.stepTime);
  let hasPassed = from.trial?.hasPassed === true;
  if (notes.promoted > step) {
    step = Math.min(notes.promoted, steps.length);
    sinceMs = nowMs;
    hasPassed = false;
  }
  const isGated = gate.errors !== undefined || gate.latency !== undefined;
  const isHeld = ({ pause }: RolloutStep) =>
    notes.isPaused || pause === "manual" || sinceMs + pause > nowMs || (isGated && !hasPassed);
  for (let now = steps[step]; now !== undefined && !isHeld(now); now = steps[step]) {
    step += 1;
    sinceMs = isGated ? nowMs : sinceMs + Number(now.pause);
    hasPassed = false;
  }
  const now = steps[step];
  if (now === undefined) return undefined;
  const share = Math.min(percent - 1, Math.max(1, Math.round((percent * now.percent) / 100)));
  const isSameStep = from.step === step;
  return {
    revisions: [
      { revisionName: stable.revisionName, percent: percent - share },
      { revisionName: latest, percent: share },
    ],
    ...{ revisionName: latest, step, steps: steps.length },
    stepTime: microTimestampOf(sinceMs),
    ...(isSameStep && from.trial !== undefined && { trial: from.trial }),
    ...(!isSameStep && from.trial !== undefined && { trial: { ...from.trial, hasPassed: false } }),
    ...standing(now, { notes, nowMs, dueMs: sinceMs + Number(now.pause) }),
  };
}

interface Standing {
  readonly notes: RolloutNotes;
  readonly nowMs: number;
  readonly dueMs: number;
}

/** What it waits for. */
function standing({ pause }: RolloutStep, { notes, nowMs, dueMs }: Standing) {
  if (notes.isPaused) return said("Paused", "PausedByHand", "it is paused");
  if (pause === "manual") return said("Waiting", "WaitsForPromotion", "it waits to be promoted");
  if (dueMs <= nowMs) return said("Waiting", "NotEnoughTraffic", "there was not enough traffic");
  const nextStepTime = microTimestampOf(Math.ceil(dueMs));
  return { ...said("Progressing", "Pausing", `next at ${nextStepTime}`), nextStepTime };
}

function said(phase: NonNullable<Rollout["phase"]>, reason: string, message: string) {
  return { phase, reason, message };
}
