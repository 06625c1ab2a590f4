/**
 * What is counted of one revision, by one worker, since that worker began: one row of numbers that
 * are only ever added to. Names and meanings for others are in `metrics.ts`.
 */
export type Tally = Float64Array;

/** Where each count stands. Requests by the class of their answer come first. */
export const CELL = {
  /** By hundreds: 101 is the first of them, and 500 the fifth. */
  classes: 0,
  /** The client left, or the answer was cut: no class. */
  broken: 5,
  bytesIn: 6,
  bytesOut: 7,
  retries: 8,
  ejections: 9,
  /** Requests that found no instance free. */
  waited: 10,
  /** Requests that found no instance at all, and had one started. */
  coldStarts: 11,
  coldMs: 12,
  durationMs: 13,
  mirrored: 14,
  mirrorsDropped: 15,
  /** One for each of `BOUNDS_MS`, and one above. */
  durations: 16,
} as const;

/** Upper bounds of the classes that durations, and cold starts, are counted in. */
export const BOUNDS_MS: readonly number[] = [
  ...[1, 2.5, 5, 10, 25, 50, 100, 250, 500],
  ...[1_000, 2_500, 5_000, 10_000, 30_000, 60_000],
];

const BUCKETS = BOUNDS_MS.length + 1;
/** Where cold starts are counted, by the same bounds. */
export const COLD_AT: number = CELL.durations + BUCKETS;
const CELLS = COLD_AT + BUCKETS;

export function makeTally(): Tally {
  return new Float64Array(CELLS);
}

/** HOT: one request is over, with this answer; 0 is none. */
export function countRequest(tally: Tally, code: number, ms: number): void {
  const cell = code === 0 ? CELL.broken : CELL.classes + ((code / 100) | 0) - 1;
  tally[cell] = (tally[cell] as number) + 1;
  tally[CELL.durationMs] = (tally[CELL.durationMs] as number) + ms;
  const bucket = CELL.durations + bucketOf(ms);
  tally[bucket] = (tally[bucket] as number) + 1;
}

/** HOT: so many more. */
export function count(tally: Tally, cell: number, more: number): void {
  tally[cell] = (tally[cell] as number) + more;
}

/** One request had an instance started, and waited for it so long. */
export function countCold(tally: Tally, ms: number): void {
  count(tally, CELL.coldStarts, 1);
  count(tally, CELL.coldMs, ms);
  count(tally, COLD_AT + bucketOf(ms), 1);
}

function bucketOf(ms: number): number {
  let at = 0;
  while (at < BOUNDS_MS.length && ms > (BOUNDS_MS[at] as number)) at += 1;
  return at;
}
