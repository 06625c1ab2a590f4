/** The bytes that HTTP/1.1 is made of. */
export const HT = 9;
export const LF = 10;
export const CR = 13;
export const SP = 32;
export const COLON = 58;
export const SEMICOLON = 59;
export const EQUALS = 61;

/** 1 for each byte of the set: looked up instead of compared. */
export type Bytes = Uint8Array;

/** What names of methods and headers are made of (RFC 9110, 5.6.2). */
export const TOKEN = setOf("!#$%&'*+-.^_`|~", digits(), letters());

/** What values of headers are made of: no control character but the tab (RFC 9110, 5.5). */
export const FIELD = rangeOf([HT, HT], [0x20, 0x7e], [0x80, 0xff]);

/** What targets are made of: printable, and no "#", for a fragment is never sent. */
export const TARGET = rangeOf([0x21, 0x22], [0x24, 0x7e]);

/** What names of hosts are made of. */
export const HOST = setOf("-._~", digits(), letters());

export const DIGIT = setOf(digits());

/** The value of each hexadecimal digit; 255 for what is none. */
export const HEX = new Uint8Array(256).fill(255);
for (let at = 0; at < 16; at += 1) {
  const digit = at.toString(16);
  HEX[digit.charCodeAt(0)] = at;
  HEX[digit.toUpperCase().charCodeAt(0)] = at;
}

/** Whether these bytes are this word, given in lower case, in whatever case. */
export function isWord(bytes: Uint8Array, from: number, to: number, word: Uint8Array): boolean {
  if (to - from !== word.length) return false;
  for (let at = 0; at < word.length; at += 1) {
    if (lowered(bytes[from + at] as number) !== word[at]) return false;
  }
  return true;
}

/** "A" to "Z" as "a" to "z", and all else as it is. */
export function lowered(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte | 32 : byte;
}

interface Sliced extends Buffer {
  /** What `toString("latin1", from, to)` comes to, without its detours. */
  latin1Slice(from: number, to: number): string;
}

/** Bytes as text, one letter each. */
export function textOf(bytes: Buffer, from: number, to: number): string {
  return (bytes as Sliced).latin1Slice(from, to);
}

export function wordOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function setOf(...parts: readonly string[]): Bytes {
  const set = new Uint8Array(256);
  for (const letter of parts.join("")) set[letter.charCodeAt(0)] = 1;
  return set;
}

function rangeOf(...ranges: readonly (readonly [number, number])[]): Bytes {
  const set = new Uint8Array(256);
  for (const [from, to] of ranges) set.fill(1, from, to + 1);
  return set;
}

function digits(): string {
  return "0123456789";
}

function letters(): string {
  return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
}
