import { CR, LF } from "./bytes.ts";

/** One empty line in front of a request is let be (RFC 9112, 2.2). */
export function skipEmptyLine(bytes: Buffer, from: number, to: number): number {
  return from + 1 < to && bytes[from] === CR && bytes[from + 1] === LF ? from + 2 : from;
}

/**
 * Whether a head that was not whole may be whole now, or can be refused: there is an empty line in
 * what is new, or a line that ends wrong. So what a slow client sends is read twice, not each time.
 */
export function isWorthReading(bytes: Buffer, from: number, to: number): boolean {
  for (let at = bytes.indexOf(LF, from); at >= 0 && at < to; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) return true;
    // The line before it ended just there.
    if (bytes[at - 2] === LF) return true;
  }
  return false;
}
