import type { ScalingSettings } from "./settings.ts";

/** What the autoscaler keeps in mind of a Revision from one tick to the next. */
export interface KpaState {
  /** When it was last seen to be in need of much more; absent when all is calm. */
  readonly panicSinceMs?: number;
  /** The most that was wanted in this panic. */
  readonly panicScale: number;
  /** What was wanted lately, each less than what came before it: for the delay on the way down. */
  readonly peaks: readonly Peak[];
}

interface Peak {
  readonly atMs: number;
  readonly scale: number;
}

export interface KpaInput {
  readonly nowMs: number;
  readonly settings: ScalingSettings;
  readonly ready: number;
  /** Whether a Route sends it requests. */
  readonly isReachable: boolean;
  /** Averages of requests at once, or per second, over the two windows. */
  readonly stable: number;
  readonly panic: number;
}

export interface KpaOutcome {
  readonly state: KpaState;
  /** How many instances there should be, before the bounds. */
  readonly scale: number;
  readonly isPanicking: boolean;
  /** How many more requests the instances can take, beyond the burst that is asked for. */
  readonly excessBurst: number;
}

/**
 * A restart may be the end of a panic that nobody remembers, so with several instances there is one
 * (spec/elafros §12.1).
 */
export function startKpa(nowMs: number, ready: number): KpaState {
  const isMany = ready > 1;
  return { ...(isMany && { panicSinceMs: nowMs }), panicScale: isMany ? ready : 0, peaks: [] };
}

/** One tick of Knative's autoscaler (spec/elafros §12.1). */
export function decideKpa(before: KpaState, input: KpaInput): KpaOutcome {
  const { nowMs, settings, isReachable, stable, panic } = input;
  const ready = Math.max(1, input.ready);
  const wanted = Math.ceil(stable / settings.target);
  const wantedSoon = Math.ceil(panic / settings.target);
  const calm = calmed(within(wanted, { ready, input }), { ready, input });
  const hasty = within(wantedSoon, { ready, input });
  const panicSinceMs = panicAfter(before, input, wantedSoon / ready);
  const isPanicking = panicSinceMs !== undefined;
  const panicScale = isPanicking ? Math.max(before.panicScale, calm, hasty) : 0;
  const now = isPanicking ? panicScale : calm;
  const peaks = isReachable ? peaksAfter(before.peaks, { nowMs, now, settings }) : [];
  const scale = isReachable ? (peaks[0]?.scale ?? now) : now;
  return {
    state: { ...(isPanicking && { panicSinceMs }), panicScale, peaks },
    scale,
    isPanicking,
    excessBurst: excessBurstOf(input),
  };
}

interface Around {
  readonly ready: number;
  readonly input: KpaInput;
}

/** No faster up or down than allowed; and when there is anything to do, by enough of them. */
function within(wanted: number, { ready, input }: Around): number {
  const { settings, isReachable } = input;
  const { maxScaleUpRate, maxScaleDownRate, activationScale } = settings;
  const least = isReachable ? Math.floor(ready / maxScaleDownRate) : 0;
  const most = Math.ceil(maxScaleUpRate * ready);
  const clamped = Math.min(Math.max(wanted, least), most);
  return wanted > 0 ? Math.max(clamped, activationScale) : clamped;
}

/** Of one instance less, this much is left over at the least before it goes. */
const SPARE = 0.1;

/**
 * Ours: at the edge between two numbers, what little any load goes up and down would start and end
 * an instance every few seconds. So the last one to go does so when it is clear that it may.
 */
function calmed(scale: number, { ready, input }: Around): number {
  if (scale !== ready - 1 || scale === 0) return scale;
  return input.stable / input.settings.target > scale - SPARE ? ready : scale;
}

/** It goes on for as long as there is need, and then for one whole stable window. */
function panicAfter(before: KpaState, input: KpaInput, need: number): number | undefined {
  const { nowMs, settings } = input;
  if (need >= settings.panicThreshold) return nowMs;
  const { panicSinceMs } = before;
  if (panicSinceMs === undefined || nowMs - panicSinceMs > settings.windowMs) return undefined;
  return panicSinceMs;
}

interface Now {
  readonly nowMs: number;
  readonly now: number;
  readonly settings: ScalingSettings;
}

/** The first of them is the most that was wanted within the delay. */
function peaksAfter(peaks: readonly Peak[], { nowMs, now, settings }: Now): readonly Peak[] {
  const { scaleDownDelayMs } = settings;
  const lately = peaks.filter(({ atMs, scale }) => {
    return nowMs - atMs < scaleDownDelayMs && scale > now;
  });
  return [...lately, { atMs: nowMs, scale: now }];
}

/** Below 0, requests go through the buffer, which ours always do (spec/elafros §12.1). */
function excessBurstOf({ settings, ready, panic }: KpaInput): number {
  const { burstCapacity, total } = settings;
  if (burstCapacity === 0) return 0;
  return burstCapacity < 0 ? -1 : Math.floor(ready * total - burstCapacity - panic);
}
