import type { ScalingSettings } from "./settings.ts";

/** What was recommended lately, oldest first. */
export interface HpaState {
  readonly recommended: readonly Recommended[];
  /** How many there were lately, when that changed: for the limit on growth. */
  readonly changes: readonly Recommended[];
}

interface Recommended {
  readonly atMs: number;
  readonly scale: number;
}

export interface HpaInput {
  readonly nowMs: number;
  readonly settings: ScalingSettings;
  readonly ready: number;
  /**
   * What the instances use beside what they are meant to, each of them: 1 is as much as wanted.
   * Absent when it is not known.
   */
  readonly ratios: readonly number[];
}

export interface HpaOutcome {
  readonly state: HpaState;
  readonly scale: number;
}

/** As Kubernetes does it, by its defaults. */
const TOLERANCE = 0.1;
const DOWN_MS = 300_000;
const GROWTH_MS = 15_000;
const GROWTH_COUNT = 4;

export const HPA_START: HpaState = { recommended: [], changes: [] };

/**
 * One look of an autoscaler that goes by what instances use, as Kubernetes' own: by the ratio of
 * what is to what should be, doubled at most or four more in 15 seconds, and down only to the most
 * that was recommended in five minutes.
 */
export function decideHpa(before: HpaState, input: HpaInput): HpaOutcome {
  const { nowMs, ready } = input;
  const now = Math.max(1, ready);
  const wanted = wantedBy(input, now);
  // What was recommended before the first look is taken to be what there is.
  const known =
    before.recommended.length === 0 ? [{ atMs: nowMs, scale: now }] : before.recommended;
  const recommended = [
    ...known.filter(({ atMs }) => nowMs - atMs < DOWN_MS),
    { atMs: nowMs, scale: wanted },
  ];
  const lately = Math.max(...recommended.map(({ scale }) => scale));
  const calm = wanted < now ? Math.min(now, lately) : wanted;
  const changes = before.changes.filter(({ atMs }) => nowMs - atMs < GROWTH_MS);
  const base = changes[0]?.scale ?? now;
  const scale = Math.min(calm, Math.max(2 * base, base + GROWTH_COUNT));
  const isGrowing = scale > now;
  return {
    state: {
      recommended,
      changes: isGrowing ? [...changes, { atMs: nowMs, scale: now }] : changes,
    },
    scale,
  };
}

function wantedBy({ ratios }: HpaInput, now: number): number {
  if (ratios.length === 0) return now;
  const sum = ratios.reduce((total, it) => total + it, 0);
  const mean = sum / ratios.length;
  // Those that say nothing yet are held to use nothing on the way up, and enough on the way down.
  const silent = Math.max(0, now - ratios.length);
  const all = mean > 1 ? sum : sum + silent;
  const ratio = all / now;
  if (Math.abs(ratio - 1) <= TOLERANCE) return now;
  return Math.ceil(all);
}
