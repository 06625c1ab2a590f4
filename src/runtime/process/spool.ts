import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { BYTES_MAX, lastLines, lastWords } from "../last_lines.ts";
import { isCode } from "../system_error.ts";

export interface SpoolOptions {
  /** Where the instance writes. */
  readonly path: string;
  /** Where it is noted how much of that was taken. */
  readonly notePath: string;
  /** Over this size the file is emptied, once all is taken. */
  readonly bytesMax: number;
}

/** What is left after a look: lines, or nothing but space that can be had at a quiet moment. */
export type Left = "more" | "space" | "nothing";

interface Start {
  readonly from: number;
  readonly notes: readonly string[];
  /** It cannot be kept up with, so that all that is there is given up. */
  readonly isHopeless: boolean;
}

interface Settling {
  readonly taken: number;
  readonly isHopeless: boolean;
}

/** What one look takes at most, so that no writer can keep us. */
const CHUNK_BYTES = 128 * 1024;
const CHUNK_LINES = 2000;
/** A longer line is taken in pieces. */
const LINE_BYTES_MAX = 16 * 1024;
/** What is further behind would not be kept by the log either. */
const BEHIND_BYTES_MAX = 32 * 1024 * 1024;

/** So many times over its size, a file is emptied though its writer is never quiet. */
const LOUD = 8;

const NEWLINE = 0x0a;

/**
 * The file that an instance writes its output to, so that it can go on when we are gone. Lines are
 * taken from it in order; how far we are is noted after each look, so a crash of ours repeats the
 * lines of one look at most.
 *
 * A file that has grown over its size is emptied when all of it is taken and nothing came since the
 * last look. What is written in the microseconds between looking and emptying is lost, which only
 * ever meets a writer that does not pause. So is what was not taken yet when an instance empties
 * the file itself, as `>/dev/stdout` in a shell does (`>&1` does not).
 */
export class Spool {
  readonly #options: SpoolOptions;
  #taken: number;
  #tail: readonly string[] = [];
  #isTooFast = false;
  #bytesBefore = -1;

  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#taken = readNote(options.notePath);
    this.#tail = this.#taken === 0 ? [] : this.#linesBefore();
  }

  /** Opens the file for the instance to write to. */
  openForWriting(): number {
    const { O_APPEND, O_CREAT, O_WRONLY } = constants;
    return openSync(this.#options.path, O_APPEND | O_CREAT | O_WRONLY, 0o600);
  }

  /**
   * Takes the next lines, and says what is left. They count as taken once `deliver` has returned.
   * With `isEnd`, what is left of a last line is one as well.
   */
  take(deliver: (lines: readonly string[]) => void, isEnd = false): Left {
    const fd = openIfThere(this.#options.path);
    if (fd === undefined) return "nothing";
    try {
      const { size } = fstatSync(fd);
      const { from, notes, isHopeless } = this.#whereToGoOn(size);
      const chunk = readAt(fd, from);
      const { lines, bytes } = linesIn(chunk, isEnd && chunk.length < CHUNK_BYTES);
      const all = [...notes, ...lines];
      if (all.length > 0) deliver(all);
      this.#tail = lastLines([...this.#tail, ...lines]);
      const isMore = isHopeless || (bytes > 0 && from + bytes < size);
      const isFull = this.#settle(fd, { taken: from + bytes, isHopeless });
      return isMore ? "more" : isFull ? "space" : "nothing";
    } finally {
      closeSync(fd);
    }
  }

  /** Passes over all but the last of what is left, and says so. */
  skip(deliver: (lines: readonly string[]) => void): void {
    const size = statSync(this.#options.path, { throwIfNoEntry: false })?.size ?? 0;
    const left = size - CHUNK_BYTES - this.#taken;
    if (left <= 0) return;
    deliver([`… ${left} bytes left out: there is no time for them`]);
    this.#taken += left;
  }

  /** The last lines that were taken, also by whoever was here before us. */
  tail(): string {
    return lastWords(this.#tail);
  }

  /** Removes the file, and the note on it. */
  remove(): void {
    rmSync(this.#options.path, { force: true });
    rmSync(this.#options.notePath, { force: true });
  }

  /** Leaves out what is too far behind, and says so. Who keeps that up loses all at once. */
  #whereToGoOn(size: number): Start {
    const from = this.#taken > size ? 0 : this.#taken;
    const behind = size - from;
    if (behind <= BEHIND_BYTES_MAX) return { from, notes: [], isHopeless: false };
    const isHopeless = this.#isTooFast;
    const left = isHopeless ? behind : behind - BEHIND_BYTES_MAX;
    this.#isTooFast = true;
    const notes = [`… ${left} bytes left out: more than a log can hold`];
    return { from: from + left, notes, isHopeless };
  }

  /** Notes how far we are, and empties the file when it may be. Says whether it should be. */
  #settle(fd: number, { taken, isHopeless }: Settling): boolean {
    const { bytesMax, notePath } = this.#options;
    const { size } = fstatSync(fd);
    const isAll = taken >= size;
    if (isAll) this.#isTooFast = false;
    const isFull = isAll && size > bytesMax;
    const isQuiet = size === this.#bytesBefore || size > LOUD * bytesMax;
    this.#bytesBefore = size;
    const isEmptied = isHopeless || (isFull && isQuiet);
    if (isEmptied) ftruncateSync(fd);
    const now = isEmptied ? 0 : taken;
    if (now !== this.#taken) writeNote(notePath, now);
    this.#taken = now;
    return isFull && !isEmptied;
  }

  #linesBefore(): readonly string[] {
    const fd = openIfThere(this.#options.path);
    if (fd === undefined) return [];
    try {
      const from = Math.max(0, this.#taken - BYTES_MAX);
      const text = readAt(fd, from)
        .subarray(0, this.#taken - from)
        .toString();
      return lastLines(text.split("\n").slice(0, -1));
    } finally {
      closeSync(fd);
    }
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r+");
  } catch (thrown) {
    if (isCode(thrown, "ENOENT")) return undefined;
    throw thrown;
  }
}

function readAt(fd: number, position: number): Buffer {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  return chunk.subarray(0, readSync(fd, chunk, 0, CHUNK_BYTES, position));
}

/** Whole lines, as many as one look takes, and how many bytes they were. */
function linesIn(chunk: Buffer, isEnd: boolean): { lines: readonly string[]; bytes: number } {
  const lines: string[] = [];
  let bytes = 0;
  while (bytes < chunk.length && lines.length < CHUNK_LINES) {
    const end = chunk.indexOf(NEWLINE, bytes);
    const left = chunk.length - bytes;
    if (end < 0 && left < LINE_BYTES_MAX && !isEnd) break;
    const to = end < 0 ? bytes + pieceBytes(chunk.subarray(bytes)) : end;
    lines.push(chunk.toString("utf8", bytes, to));
    bytes = end < 0 ? to : end + 1;
  }
  return { lines, bytes };
}

/** How much of a line without an end to take: not a part of a character. */
function pieceBytes(rest: Buffer): number {
  let bytes = Math.min(rest.length, LINE_BYTES_MAX);
  if (bytes === rest.length && bytes < LINE_BYTES_MAX) return bytes;
  for (let back = 0; back < 4 && ((rest[bytes] ?? 0) & 0xc0) === 0x80; back += 1) bytes -= 1;
  return bytes;
}

function readNote(path: string): number {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch (thrown) {
    if (isCode(thrown, "ENOENT")) return 0;
    throw thrown;
  }
}

/** Always as long, so that it is never there in part. */
function writeNote(path: string, taken: number): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    writeSync(fd, String(taken).padStart(16, "0"), 0);
  } finally {
    closeSync(fd);
  }
}
