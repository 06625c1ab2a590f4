import type { ScalingSettings } from "./settings.ts";

/**
 * How deep a Revision rests. `awake`: its instances run. `frozen`: one is kept that has no
 * processor and wakes within milliseconds. `stopped`: there is none.
 */
export type Floor = "awake" | "frozen" | "stopped";

/** On which floor a Revision is, and since when. */
export interface FloorState {
  readonly floor: Floor;
  readonly sinceMs: number;
  /** While awake: since when there has been nothing to do. */
  readonly idleSinceMs?: number;
}

export interface FloorInput {
  readonly nowMs: number;
  readonly settings: ScalingSettings;
  /** How many instances there should be. */
  readonly scale: number;
  readonly ready: number;
  /** How long instances may take to become ready before it is given up. */
  readonly activationMs: number;
  /** Memory is short: this one has to give back what it holds. */
  readonly isPressed: boolean;
}

/**
 * From awake to frozen to stopped (spec/elafros §12.2). The gateway is in the path at all times, so
 * nothing has to be waited for on its account: it holds what comes, and wakes us.
 */
export function floorAfter(before: FloorState, input: FloorInput): FloorState {
  const { nowMs, settings, scale, isPressed } = input;
  const sinceMs = nowMs - before.sinceMs;
  if (before.floor === "stopped") return before;
  if (before.floor === "frozen") {
    const isOver = isPressed || sinceMs >= settings.frozenForMs;
    return isOver ? { floor: "stopped", sinceMs: nowMs } : before;
  }
  const { idleSinceMs: _, ...awake } = before;
  if (scale > 0 || !settings.isToZero) return awake;
  const idleSinceMs = before.idleSinceMs ?? nowMs;
  const idle = { ...awake, idleSinceMs };
  if (input.ready === 0) {
    return sinceMs >= input.activationMs ? { floor: "stopped", sinceMs: nowMs } : idle;
  }
  const isLong = sinceMs >= settings.windowMs && nowMs - idleSinceMs >= settings.retentionMs;
  if (!isLong) return idle;
  const floor = settings.frozenForMs === 0 || isPressed ? "stopped" : "frozen";
  return { floor, sinceMs: nowMs };
}

/** Something is to be done, or is about to be. */
export function awakened(before: FloorState | undefined, nowMs: number): FloorState {
  if (before?.floor === "awake") return { floor: "awake", sinceMs: before.sinceMs };
  return { floor: "awake", sinceMs: nowMs };
}
