/** The word that was probably meant, when one is near enough: for "did you mean". */
export function closest(word: string, words: readonly string[]): string | undefined {
  const near = Math.max(1, Math.floor(word.length / 3));
  const ranked = words
    .map((it) => ({ it, distance: it.startsWith(word) ? 0.5 : distanceOf(word, it) }))
    .filter(({ distance }) => distance <= near)
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.it;
}

/** ` (did you mean "hello"?)`, or nothing. */
export function didYouMean(word: string, words: readonly string[]): string {
  const meant = closest(word, words);
  return meant === undefined ? "" : ` (did you mean "${meant}"?)`;
}

/** How many letters must be added, dropped, changed or swapped with the next. */
function distanceOf(one: string, other: string): number {
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const isSame = one[i - 1] === other[j - 1];
      const isSwapped = one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      const ways = [
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (isSame ? 0 : 1),
        ...(isSwapped ? [(before[j - 2] ?? 0) + 1] : []),
      ];
      row.push(Math.min(...ways));
    }
    before = last;
    last = row;
  }
  return last[other.length] ?? 0;
}
