import { t, type Value } from "../base/schema.ts";

const share = t.Object({ revisionName: t.String(), percent: t.Integer() });

const both = t.Object({ new: t.Number(), old: t.Number() });

/** What the new Revision and the old one did over the same time. */
const trial = t.Object({
  verdict: t.OneOf("Fine", "NotEnoughTraffic", "ErrorRateWorse", "LatencyWorse", "NotReady"),
  /** How many comparisons there were: each may be wrong less often than the one before. */
  round: t.Integer(),
  /** At the step that it is at, it was found to be no worse. */
  hasPassed: t.Boolean(),
  sinceTime: t.String(),
  requests: both,
  failed: both,
  percentileMs: t.Optional(both),
  /** Requests that are open for longer than that, where there are any. */
  hung: t.Optional(both),
  /** About how many requests of each are enough. */
  needed: t.Integer(),
});

/** How far the requests of one target have moved to the latest Revision (spec/elafros §4.9). */
export const rollout = t.Object({
  /** What the target tracks, and its tag: together they name the target. */
  configurationName: t.String(),
  tag: t.Optional(t.String()),
  /** Who shares its requests, the oldest first. */
  revisions: t.Array(share),
  /** By `rollout-duration`: what the newest gets with each step, in percent of all requests. */
  stepPercent: t.Optional(t.Integer()),
  stepSeconds: t.Optional(t.Number()),
  /** Absent while somebody or something else has to be waited for. */
  nextStepTime: t.Optional(t.String()),
  /** By `rollout-steps`: how many steps are done, of how many, and since when it is at this one. */
  step: t.Optional(t.Integer()),
  steps: t.Optional(t.Integer()),
  stepTime: t.Optional(t.String()),
  /** The Revision that the requests move to, or were to. */
  revisionName: t.Optional(t.String()),
  phase: t.Optional(t.OneOf("Progressing", "Paused", "Waiting", "Aborted")),
  /** Why it is in that phase: one word for programs, and a sentence. */
  reason: t.Optional(t.String()),
  message: t.Optional(t.String()),
  trial: t.Optional(trial),
});

export type Rollout = Value<typeof rollout>;
export type RolloutShare = Value<typeof share>;
export type RolloutTrial = Value<typeof trial>;

/** The condition of a Route that says whether the new Revision does as well as the old one. */
export const ROLLOUT_HEALTHY = "RolloutHealthy";

/** The reason when a person has sent a Revision back, and no comparison. */
export const SENT_BACK_BY_HAND = "SentBackByHand";
