/** What was measured at a moment. */
export interface Point {
  readonly atMs: number;
  readonly value: number;
}

export interface Slope {
  /** By how much the value grows in an hour. */
  readonly perHour: number;
  /** Twice the standard error: the true slope is within so much of it in nineteen of twenty. */
  readonly give: number;
  readonly points: number;
}

const HOUR_MS = 3_600_000;

/**
 * The line through points by least squares: one slope for all runs of them, as of a process that
 * was started again, each run at a height of its own. Nothing with fewer than three points a run.
 */
export function slopeOf(runs: readonly (readonly Point[])[]): Slope | undefined {
  const long = runs.filter((run) => run.length >= 3).map(centred);
  const points = long.flat();
  const spread = sum(points, ({ atMs }) => atMs * atMs);
  const freedom = points.length - long.length - 1;
  if (spread === 0 || freedom < 1) return undefined;
  const perMs = sum(points, ({ atMs, value }) => atMs * value) / spread;
  const rest = sum(points, ({ atMs, value }) => (value - perMs * atMs) ** 2);
  const give = 2 * Math.sqrt(rest / freedom / spread);
  return { perHour: perMs * HOUR_MS, give: give * HOUR_MS, points: points.length };
}

/** About their own middle. */
function centred(run: readonly Point[]): readonly Point[] {
  const atMs = sum(run, (it) => it.atMs) / run.length;
  const value = sum(run, (it) => it.value) / run.length;
  return run.map((it) => ({ atMs: it.atMs - atMs, value: it.value - value }));
}

function sum<T>(all: readonly T[], of: (it: T) => number): number {
  return all.reduce((total, it) => total + of(it), 0);
}
