import { t, type Value } from "../base/schema.ts";

const share = t.Object({ revisionName: t.String(), percent: t.Integer() });

/** How far the requests of one target have moved to the latest Revision (spec/elafros §4.9). */
export const rollout = t.Object({
  /** What the target tracks, and its tag: together they name the target. */
  configurationName: t.String(),
  tag: t.Optional(t.String()),
  /** Who shares its requests, the oldest first. */
  revisions: t.Array(share),
  /** What the newest gets with each step, in percent of the requests to the Route. */
  stepPercent: t.Integer(),
  stepSeconds: t.Number(),
  nextStepTime: t.String(),
});

export type Rollout = Value<typeof rollout>;
export type RolloutShare = Value<typeof share>;
