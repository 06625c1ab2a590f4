/**
 * Classes that durations are counted in, four to each doubling: finer than a quarter of the value,
 * from a sixteenth of a millisecond to half an hour, in one short row of numbers.
 */
export const DURATION_CLASSES = 96;

/** HOT: the class of a duration. */
export function durationClassOf(ms: number): number {
  const units = (ms * 16) | 0;
  if (units < 4) return units;
  const octave = 31 - Math.clz32(units);
  const at = (octave - 1) * 4 + ((units >> (octave - 2)) & 3);
  return at < DURATION_CLASSES ? at : DURATION_CLASSES - 1;
}

/** What every duration of a class is less than, in milliseconds. */
export function durationBoundOf(at: number): number {
  if (at < 4) return (at + 1) / 16;
  return ((5 + (at & 3)) * 2 ** ((at >> 2) - 1)) / 16;
}
