/**
 * What is counted of one revision, by one worker: one row of numbers, for a request to one of very
 * many revisions finds nothing of it in a cache. But for the load of now they are only ever added
 * to, since that worker began. Names and meanings for others are in `metrics.ts`.
 */
export type Tally = Float64Array;

/** Where each count stands: what every request counts comes first, and side by side. */
export const CELL = {
  /** Requests and copies that wait or are served now. */
  inside: 0,
  /** Those that have come since the load was last taken. */
  came: 1,
  /** How long there were any since then, times how many. */
  busyMs: 2,
  /** Until when that is counted. */
  sinceMs: 3,
  bytesIn: 4,
  bytesOut: 5,
  durationMs: 6,
  /** By the class of the answer, in hundreds: 101 is the first of them, and 500 the fifth. */
  classes: 7,
  /** The client left, or the answer was cut: no class. */
  broken: 12,
  /** One for each of `BOUNDS_MS`, and one above. */
  durations: 13,
  retries: 29,
  ejections: 30,
  /** Requests and copies that found no instance free. */
  waited: 31,
  /** Requests that found no instance at all, and had one started. */
  coldStarts: 32,
  coldMs: 33,
  mirrored: 34,
  mirrorsDropped: 35,
  /** As durations are. */
  colds: 36,
} as const;

/** Upper bounds of the classes that durations, and cold starts, are counted in. */
export const BOUNDS_MS: readonly number[] = [
  ...[1, 2.5, 5, 10, 25, 50, 100, 250, 500],
  ...[1_000, 2_500, 5_000, 10_000, 30_000, 60_000],
];

const BUCKETS = BOUNDS_MS.length + 1;
const CELLS = CELL.colds + BUCKETS;

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
  count(tally, CELL.colds + bucketOf(ms), 1);
}

function bucketOf(ms: number): number {
  let at = 0;
  while (at < BOUNDS_MS.length && ms > (BOUNDS_MS[at] as number)) at += 1;
  return at;
}
