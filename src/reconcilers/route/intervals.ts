import { ROUTE_NOTE } from "../../api/labels.ts";
import type { Route } from "../../api/route.ts";
import { type Interval, POINTS, type ShareSpec } from "../../gateway/route_table.ts";

/**
 * The intervals for a split, from those that there were. Weights are in thousandths, and the first
 * takes what rounding leaves.
 */
export function weightsOf(
  split: readonly ShareSpec[],
  before: readonly Interval[],
): readonly Interval[] {
  const weights = split.map(({ backend, percent }) => [backend, Math.round(percent * 10)] as const);
  return intervalsFor(new Map(weights), before);
}

/** What a Route has noted: "hello-00001:0-900,hello-00002:900-1000", in the order of taking. */
export function readIntervals({ metadata, status }: Route): readonly Interval[] {
  const text = status?.annotations?.[ROUTE_NOTE.intervals] ?? "";
  const { namespace = "default" } = metadata;
  return [...text.matchAll(/([^:,]+):(\d+)-(\d+)/g)].map(([, name = "", from, to]) => {
    return {
      backend: `${namespace}/${name}`,
      from: Number(from),
      length: Number(to) - Number(from),
    };
  });
}

export function writeIntervals(intervals: readonly Interval[], prefix: string): string {
  return intervals
    .map(({ backend, from, length }) => `${backend.slice(prefix.length)}:${from}-${from + length}`)
    .join(",");
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
