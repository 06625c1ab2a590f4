import { closeSync, existsSync, fstatSync, openSync, renameSync, statSync, write } from "node:fs";
import type { Clock } from "../base/clock.ts";

export interface AccessLogOptions {
  readonly clock: Clock;
  /** The newest file; older ones have `.1` to `.4` behind it. */
  readonly path: string;
  /** A line was lost: it came faster than the disk could take it. */
  readonly dropped: () => void;
}

const FILE_BYTES_MAX = 32 * 1024 * 1024;
const FILES_MAX = 5;
/** What may wait for the disk. */
const WAITING_CHARS_MAX = 2 * 1024 * 1024;
const FLUSH_MS = 200;

/**
 * Lines on their way to a file, bounded in memory and on disk. Requests never wait for it: what
 * cannot be kept is lost, and counted.
 */
export class AccessLog {
  readonly #options: AccessLogOptions;
  #lines: string[] = [];
  #chars = 0;
  #fd: number | undefined;
  #inode: number | undefined;
  #bytes = 0;
  #isWriting = false;
  #isDue = false;
  #closed: (() => void) | undefined;

  constructor(options: AccessLogOptions) {
    this.#options = options;
  }

  add(line: string): void {
    if (this.#chars + line.length > WAITING_CHARS_MAX) {
      this.#options.dropped();
      return;
    }
    this.#lines.push(line);
    this.#chars += line.length;
    if (this.#isDue) return;
    this.#isDue = true;
    this.#options.clock.after(FLUSH_MS, () => this.#flush());
  }

  /** Resolves when all that waits is written, or lost. */
  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = resolve;
    this.#flush();
    return promise;
  }

  #flush(): void {
    this.#isDue = false;
    if (this.#isWriting) return;
    if (this.#lines.length === 0) {
      this.#closed?.();
      return;
    }
    const bytes = Buffer.from(`${this.#lines.join("\n")}\n`);
    const count = this.#lines.length;
    this.#lines = [];
    this.#chars = 0;
    try {
      this.#write(bytes, count);
    } catch {
      this.#lose(count);
      this.#closed?.();
    }
  }

  #write(bytes: Buffer, count: number): void {
    this.#isWriting = true;
    write(this.#open(bytes.length), bytes, (error) => {
      this.#isWriting = false;
      if (error !== null) this.#lose(count);
      this.#bytes += bytes.length;
      this.#flush();
    });
  }

  #lose(count: number): void {
    this.#isWriting = false;
    for (let at = 0; at < count; at += 1) this.#options.dropped();
  }

  /** Whoever moves the file, or removes it, has the lines from then on in a new one. */
  #open(more: number): number {
    const { path } = this.#options;
    const isOurs = statSync(path, { throwIfNoEntry: false })?.ino === this.#inode;
    if (this.#fd !== undefined) {
      if (isOurs && this.#bytes + more <= FILE_BYTES_MAX) return this.#fd;
      closeSync(this.#fd);
      this.#fd = undefined;
      if (isOurs) putAside(path);
    }
    this.#fd = openSync(path, "a", 0o600);
    const { size, ino } = fstatSync(this.#fd);
    this.#bytes = size;
    this.#inode = ino;
    return this.#fd;
  }
}

function putAside(path: string): void {
  for (let age = FILES_MAX - 1; age > 0; age -= 1) {
    const newer = age === 1 ? path : `${path}.${age - 1}`;
    if (existsSync(newer)) renameSync(newer, `${path}.${age}`);
  }
}
