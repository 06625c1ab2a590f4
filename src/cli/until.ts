import type { Clock } from "../base/clock.ts";
import type { Progress } from "./progress.ts";
import type { View } from "./view.ts";

/** Whether something is so by now, and if not, why. */
export interface Standing {
  readonly status: "True" | "False" | "Unknown";
  readonly message: string;
}

export interface UntilOptions {
  readonly clock: Clock;
  readonly progress: Progress;
  readonly waitMs: number;
  /** What is being waited for, for people. */
  readonly step: string;
  readonly look: () => Standing;
}

/** How long something may say that it failed, and still get better, as by a second start. */
export const FAILED_MS = 2000;

/** Looks at each change until it is so, or is False for a while, or time is up. */
export async function until(
  view: View,
  { clock, progress, waitMs, step, look }: UntilOptions,
): Promise<Standing & { readonly isLate: boolean }> {
  const untilMs = clock.elapsed() + waitMs;
  let failedMs: number | undefined;
  for (;;) {
    const standing = look();
    const nowMs = clock.elapsed();
    failedMs = standing.status === "False" ? (failedMs ?? nowMs) : undefined;
    const patienceMs = failedMs === undefined ? Infinity : failedMs + FAILED_MS - nowMs;
    if (standing.status === "True" || patienceMs <= 0) return { ...standing, isLate: false };
    if (nowMs >= untilMs) return { ...standing, isLate: true };
    progress.step(step, standing.message);
    await view.changed(Math.max(1, Math.min(patienceMs, untilMs - nowMs)));
  }
}
