import type { Chance } from "./chance.ts";

export interface Backoff {
  readonly firstMs: number;
  readonly mostMs: number;
}

/**
 * How long to wait before try `attempt + 1`, counted from 0: doubling from `firstMs` to `mostMs`,
 * and up to a fifth less by chance, so that what failed together does not come back together.
 */
export function delayMs({ firstMs, mostMs }: Backoff, attempt: number, chance: Chance): number {
  const whole = Math.min(mostMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(whole * (1 - chance.fraction() / 5));
}
