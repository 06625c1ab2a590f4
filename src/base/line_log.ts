import {
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { LineQueue } from "./line_queue.ts";
import type { LogLine } from "./log_line.ts";

export interface LogOptions {
  /** Go on with what is written from now, until the signal or the end of the log. */
  readonly follow?: boolean;
  /** Only the last so many lines of what is there. */
  readonly tailLines?: number;
  /** Only lines written at or after this time, in milliseconds since 1970. */
  readonly sinceMs?: number;
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends LogOptions {
  /** Which lines; all when left out. Asked before `tailLines` counts. */
  readonly only?: (line: LogLine) => boolean;
}

export interface LineLogOptions {
  /** The newest file; older ones have `.1`, `.2`, … behind it. */
  readonly path: string;
  /** What the log is about, such as a revision. It is on every line, so it has no spaces. */
  readonly name: string;
  /** A file over this size is put aside; so the log has at most `filesMax` times as many. */
  readonly fileBytesMax?: number;
  readonly filesMax?: number;
}

/** Longer lines are cut in pieces, so that no writer can make us hold more. */
export const LINE_CHARS_MAX = 16 * 1024;

/**
 * A log of lines on disk, bounded and rotated, with its name and the writer on each line:
 * `<at> <name> <from> <run> <text>`. Readers in this process can follow it.
 */
export class LineLog implements Disposable {
  readonly #options: Required<LineLogOptions>;
  readonly #followers = new Set<LineQueue>();
  #fd: number | undefined;
  #bytes = 0;
  #isEnded = false;

  constructor(options: LineLogOptions) {
    this.#options = { fileBytesMax: 8 * 1024 * 1024, filesMax: 4, ...options };
  }

  /** Writes lines; they are in the file, though not synced, when it returns. */
  append(lines: readonly LogLine[]): void {
    const { fileBytesMax, name } = this.#options;
    const whole = lines.flatMap(pieces);
    const text = whole.map(({ at, from, run, text }) => `${at} ${name} ${from} ${run} ${text}\n`);
    const bytes = Buffer.from(text.join(""));
    let fd = this.#open();
    if (this.#bytes > 0 && this.#bytes + bytes.length > fileBytesMax) fd = this.#rotate();
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    this.#bytes += bytes.length;
    for (const follower of this.#followers) follower.add(whole);
  }

  /** What is there, oldest first, and with `follow` what comes. */
  async *read(options: ReadOptions = {}): AsyncIterable<LogLine> {
    const { follow = false, tailLines = Infinity, sinceMs, only = () => true, signal } = options;
    const isWanted = (line: LogLine) =>
      only(line) && (sinceMs === undefined || Date.parse(line.at) >= sinceMs);
    // Both at once, so that no line is between them and none in both.
    const follower = new LineQueue();
    if (follow && !this.#isEnded) this.#followers.add(follower);
    else follower.end();
    const files = this.#openAll();
    try {
      yield* tailOf(files, { tailLines, isWanted });
      for await (const line of follower.lines(signal)) if (isWanted(line)) yield line;
    } finally {
      this.#followers.delete(follower);
      for (const { fd, isTaken } of files) if (!isTaken) closeSync(fd);
    }
  }

  /** Says that nothing more will be written: those who follow come to an end. */
  end(): void {
    this.#isEnded = true;
    for (const follower of this.#followers) follower.end();
  }

  /** Ends the log, and removes its files. */
  remove(): void {
    this[Symbol.dispose]();
    for (const path of this.#paths()) rmSync(path, { force: true });
  }

  [Symbol.dispose](): void {
    this.end();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    const { path } = this.#options;
    mkdirSync(dirname(path), { recursive: true });
    this.#fd = openSync(path, "a");
    this.#bytes = fstatSync(this.#fd).size;
    return this.#fd;
  }

  /** Puts the newest file aside, and the oldest away. */
  #rotate(): number {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    const paths = this.#paths();
    for (let age = paths.length - 1; age > 0; age -= 1) {
      const [newer = "", older = ""] = [paths[age - 1], paths[age]];
      if (existsSync(newer)) renameSync(newer, older);
    }
    if (paths.length === 1) rmSync(this.#options.path);
    return this.#open();
  }

  /** Newest first. */
  #paths(): readonly string[] {
    const { path, filesMax } = this.#options;
    return Array.from({ length: filesMax }, (_, age) => (age === 0 ? path : `${path}.${age}`));
  }

  /** Oldest first, each to be read as far as it goes now; a rotation does not touch them. */
  #openAll(): readonly Opened[] {
    const there = this.#paths().filter((path) => existsSync(path));
    const opened = there.map((path) => {
      const fd = openSync(path, "r");
      return { fd, bytes: fstatSync(fd).size, isTaken: false };
    });
    return opened.reverse();
  }
}

interface Opened {
  readonly fd: number;
  readonly bytes: number;
  /** A stream reads it, and will close it. */
  isTaken: boolean;
}

interface Tail {
  readonly tailLines: number;
  readonly isWanted: (line: LogLine) => boolean;
}

async function* tailOf(files: readonly Opened[], { tailLines, isWanted }: Tail) {
  const kept: LogLine[] = [];
  for (const file of files) {
    if (file.bytes === 0) continue;
    for await (const text of linesOf(file)) {
      const line = readLine(text);
      if (line === undefined || !isWanted(line)) continue;
      if (tailLines === Infinity) yield line;
      else if (kept.push(line) > tailLines) kept.shift();
    }
  }
  yield* kept;
}

async function* linesOf(file: Opened): AsyncIterable<string> {
  const { fd, bytes } = file;
  const input = createReadStream("", { fd, start: 0, end: bytes - 1 });
  file.isTaken = true;
  try {
    yield* createInterface({ input });
  } finally {
    // A reader may leave in the middle of a read: the stream knows when the file can be closed.
    input.destroy();
  }
}

function pieces(line: LogLine): readonly LogLine[] {
  const text = line.text.replaceAll(/[\r\n]+$/g, "");
  if (text.length <= LINE_CHARS_MAX) return [{ ...line, text }];
  const rest = { ...line, text: text.slice(LINE_CHARS_MAX) };
  return [{ ...line, text: text.slice(0, LINE_CHARS_MAX) }, ...pieces(rest)];
}

/** A line that a crash left half written has no text, and is passed over. */
function readLine(text: string): LogLine | undefined {
  const [, at, from, run, rest] = /^(\S+) \S+ (\S+) (\d+) (.*)$/.exec(text) ?? [];
  if (at === undefined || from === undefined || rest === undefined) return undefined;
  return { at, from, run: Number(run), text: rest };
}
