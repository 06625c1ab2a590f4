import type { Interval } from "./route_table.ts";

/** All points there are: the resolution of shares. */
export const POINTS = 1000;

/**
 * Where a key lies from 0 to 999, as evenly as chance would have it. The salt makes it another
 * place for each route, so that the same people are not the first to try everything.
 */
export function pointOf(key: string, salt: number): number {
  return Math.floor((hashOf(key, salt) / 2 ** 32) * POINTS);
}

/**
 * FNV-1a over the bytes of UTF-16, and Murmur3's finish: without that, keys that count up would
 * miss their share by half.
 */
export function hashOf(key: string, salt = 0): number {
  let hash = 0x811c9dc5 ^ salt;
  for (let at = 0; at < key.length; at += 1) {
    const unit = key.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * The intervals for new weights, in the order in which they were taken. Those that shrink give up
 * what they took last, and those that grow take it. So exactly as many keys move as must, none of
 * them away from a backend that grows, and who moved last is the first to move back.
 */
export function intervalsFor(
  weights: ReadonlyMap<string, number>,
  before: readonly Interval[] = [],
): readonly Interval[] {
  const lengths = lengthsOf(before);
  const isWhole = [...lengths.values()].reduce((sum, it) => sum + it, 0) === POINTS;
  if (!isWhole) return filled([], [{ from: 0, length: POINTS }], weights);
  const spare = new Map(
    [...lengths].map(([id, length]) => [id, Math.max(0, length - (weights.get(id) ?? 0))]),
  );
  const { kept, free } = cut(before, spare);
  const wanted = [...weights].map(([id, weight]) => [id, weight - (lengths.get(id) ?? 0)] as const);
  return filled(kept, free, new Map(wanted));
}

/** How many thousandths of the keys each backend has. */
export function lengthsOf(intervals: readonly Interval[]): ReadonlyMap<string, number> {
  const lengths = new Map<string, number>();
  for (const { backend, length } of intervals) {
    lengths.set(backend, (lengths.get(backend) ?? 0) + length);
  }
  return lengths;
}

type Piece = Omit<Interval, "backend">;

/** Takes from each what it is to give up, the last first: of one interval, its upper end. */
function cut(before: readonly Interval[], spare: ReadonlyMap<string, number>) {
  const left = new Map(spare);
  const kept: Interval[] = [];
  const free: Piece[] = [];
  for (const { backend, from, length } of before.toReversed()) {
    const given = Math.min(length, left.get(backend) ?? 0);
    left.set(backend, (left.get(backend) ?? 0) - given);
    if (given > 0) free.push({ from: from + length - given, length: given });
    if (given < length) kept.push({ backend, from, length: length - given });
  }
  return { kept: kept.toReversed(), free };
}

/** Gives the free pieces to those who want some. */
function filled(
  kept: readonly Interval[],
  free: readonly Piece[],
  wanted: ReadonlyMap<string, number>,
): readonly Interval[] {
  const made = [...kept];
  const pieces = [...free];
  for (const [backend, wish] of wanted) {
    for (let left = wish; left > 0; ) {
      const piece = pieces.shift();
      if (piece === undefined) return joined(made);
      const length = Math.min(left, piece.length);
      made.push({ backend, from: piece.from, length });
      if (length < piece.length) {
        pieces.unshift({ from: piece.from + length, length: piece.length - length });
      }
      left -= length;
    }
  }
  return joined(made);
}

/** Those that follow one another in place and in time are one. */
function joined(intervals: readonly Interval[]): readonly Interval[] {
  const made: Interval[] = [];
  for (const it of intervals) {
    const at = made.findLastIndex(({ backend }) => backend === it.backend);
    const last = made[at];
    if (last === undefined || last.from + last.length !== it.from) made.push(it);
    else made[at] = { ...last, length: last.length + it.length };
  }
  return made;
}
