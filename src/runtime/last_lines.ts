export const LINES_MAX = 80;
export const BYTES_MAX = 2048;

/** Of these lines those that `lastWords` may need: bounded, also where lines are long. */
export function lastLines(lines: readonly string[]): readonly string[] {
  let bytes = 0;
  let from = lines.length;
  while (from > 0 && lines.length - from < LINES_MAX && bytes <= BYTES_MAX) {
    from -= 1;
    bytes += Buffer.byteLength(lines[from] ?? "") + 1;
  }
  return lines.slice(from);
}

/** What is told of the output of what has ended: no more than Kubernetes tells of it. */
export function lastWords(lines: readonly string[]): string {
  const text = Buffer.from(lastLines(lines).join("\n"));
  return text.subarray(Math.max(0, text.length - BYTES_MAX)).toString();
}
