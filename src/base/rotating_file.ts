import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

export interface RotatingFileOptions {
  readonly path: string;
  /** A file that is longer is put aside as PATH.1, and that as PATH.2. */
  readonly fileBytesMax: number;
  /** How many there are at most; the oldest goes. */
  readonly filesMax: number;
  /** Told of a failure, the first in a row; lines are lost meanwhile. */
  readonly onError: (thrown: unknown) => void;
}

/**
 * Lines in a file that only its owner can read, and that never takes more than its room. Lines of
 * one turn of the event loop are written together, in its end: so a crash of ours loses none that
 * was answered earlier.
 */
export class RotatingFile implements Disposable {
  readonly #options: RotatingFileOptions;
  #fd: number | undefined;
  #bytes = 0;
  #waiting: string[] = [];
  #isFailing = false;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  /** Takes a line without its end. Never throws. */
  append(line: string): void {
    if (this.#waiting.push(line) === 1) setImmediate(() => this.#flush());
  }

  [Symbol.dispose](): void {
    this.#flush();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #flush(): void {
    const lines = this.#waiting;
    if (lines.length === 0) return;
    this.#waiting = [];
    try {
      this.#write(Buffer.from(`${lines.join("\n")}\n`));
      this.#isFailing = false;
    } catch (thrown) {
      if (!this.#isFailing) this.#options.onError(thrown);
      this.#isFailing = true;
    }
  }

  #write(bytes: Buffer): void {
    let fd = this.#open();
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#options.fileBytesMax) {
      fd = this.#rotate(fd);
    }
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    this.#bytes += bytes.length;
  }

  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    const { path } = this.#options;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(path, "a", 0o600);
    this.#fd = fd;
    this.#bytes = fstatSync(fd).size;
    return fd;
  }

  #rotate(fd: number): number {
    const { path, filesMax } = this.#options;
    closeSync(fd);
    this.#fd = undefined;
    const at = (age: number) => (age === 0 ? path : `${path}.${age}`);
    for (let age = filesMax - 1; age > 0; age -= 1) {
      if (existsSync(at(age - 1))) renameSync(at(age - 1), at(age));
    }
    if (filesMax === 1) rmSync(path);
    return this.#open();
  }
}
