import { Scaler, type Sight } from "./scaler.ts";
import type { ScalingSettings } from "./settings.ts";

/** A service under load, second by second, with an autoscaler in charge of it: for tests. */
export interface Simulation {
  readonly settings: ScalingSettings;
  /** How many requests would be open at once in that second, if all could be served. */
  readonly loadAt: (second: number) => number;
  readonly seconds: number;
  /** From being asked for to being ready. */
  readonly startSeconds?: number;
  readonly present?: number;
}

export interface Moment {
  readonly second: number;
  readonly load: number;
  readonly ready: number;
  readonly replicas: number;
  readonly floor: string;
  readonly isPanicking: boolean;
}

const TICK_SECONDS = 2;

/** What became of it, at each tick. Requests that find no room wait, and so count as well. */
export function simulate(simulation: Simulation): readonly Moment[] {
  const { settings, loadAt, seconds, startSeconds = 2, present = 1 } = simulation;
  const scaler = new Scaler(0, { settings, present, isFrozen: false });
  const fixed = {
    settings,
    isReachable: true,
    activationMs: 630_000,
    isPressed: false,
    ratios: [],
  };
  let readyAt = Array.from({ length: present }, () => 0);
  const moments: Moment[] = [];
  for (let second = 1; second <= seconds; second += 1) {
    const nowMs = second * 1000;
    const load = loadAt(second);
    scaler.take({ busyMs: load * 1000, requests: Math.round(load) }, nowMs);
    if (load > 0) scaler.activate(nowMs, settings);
    readyAt = follow(readyAt, scaler.plan.replicas, second + startSeconds);
    if (second % TICK_SECONDS !== 0) continue;
    const ready = scaler.plan.floor === "awake" ? readyAt.filter((at) => at <= second).length : 0;
    const sight: Sight = { ...fixed, ready };
    const { replicas, floor, isPanicking } = scaler.tick(nowMs, sight);
    moments.push({ second, load, ready, replicas, floor, isPanicking });
  }
  return moments;
}

function follow(readyAt: readonly number[], wanted: number, at: number): number[] {
  const missing = Math.max(0, wanted - readyAt.length);
  return [...readyAt.slice(0, wanted), ...Array.from({ length: missing }, () => at)];
}
