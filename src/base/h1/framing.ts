import { CR, EQUALS, HEX, LF, SEMICOLON, TOKEN } from "./bytes.ts";
import { CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE } from "./fields.ts";
import { BAD, type Head, INCOMPLETE } from "./head.ts";
import { PROBLEMS, type Problem } from "./problem.ts";

/** Who gets what a body is made of: places in the bytes that were fed. */
export interface Sink {
  take(bytes: Buffer, from: number, to: number): void;
}

export interface FramingLimits {
  readonly trailerBytesMax: number;
  /** Of all chunk extensions of one body. */
  readonly chunkExtensionBytesMax: number;
}

/** Where a reader stands in a body. */
const DONE = 0;
const LENGTH = 1;
const UNTIL_CLOSE = 2;
const SIZE = 3;
const EXTENSION = 4;
const SIZE_END = 5;
const DATA = 6;
const DATA_CR = 7;
const DATA_LF = 8;
const TRAILERS = 9;

/** 52 bits: no size that a number does not hold exactly. */
const SIZE_DIGITS_MAX = 13;
const NONE: readonly string[] = [];

/**
 * Reads one body after another of a connection, piece by piece as it comes: by its length, in
 * chunks, or until the connection ends. Chunks are taken apart: what the next hop gets is framed
 * anew, so that nobody after us reads sizes or extensions that others wrote.
 */
export class Framing {
  problem: Problem = PROBLEMS.chunkSize;
  /** What has come behind the last chunk. */
  trailers: readonly string[] = NONE;
  /** Bytes of body so far. */
  bytesRead = 0;
  #state = DONE;
  /** Of the body, or of the chunk. */
  #left = 0;
  #digits = 0;
  #extensionBytes = 0;
  /** The last byte of an extension, where it is one that separates. */
  #mark = 0;
  #hasValue = false;
  #trailerBytes: Buffer | undefined;
  readonly #head: Head;
  readonly #limits: FramingLimits;

  /** `head` is lent for reading trailers: nobody's while a body is fed. */
  constructor(head: Head, limits: FramingLimits) {
    this.#head = head;
    this.#limits = limits;
  }

  get isDone(): boolean {
    return this.#state === DONE;
  }

  get isUntilClose(): boolean {
    return this.#state === UNTIL_CLOSE;
  }

  startLength(bytes: number): void {
    this.#start(bytes === 0 ? DONE : LENGTH);
    this.#left = bytes;
  }

  startChunks(): void {
    this.#start(SIZE);
    this.#extensionBytes = 0;
    this.#digits = 0;
  }

  startUntilClose(): void {
    this.#start(UNTIL_CLOSE);
  }

  /** The connection has ended: answers whether that is an end of this body. */
  close(): boolean {
    const isWhole = this.#state === DONE || this.#state === UNTIL_CLOSE;
    if (isWhole) this.#state = DONE;
    return isWhole;
  }

  /**
   * Takes what belongs to the body; answers with where that ends, or `BAD`.
   *
   * HOT: runs for every piece. No allocation but for trailers, no closure, exception or await.
   */
  feed(bytes: Buffer, from: number, to: number, sink: Sink): number {
    let at = from;
    while (at < to && this.#state !== DONE) {
      const state = this.#state;
      if (state === LENGTH || state === DATA || state === UNTIL_CLOSE) {
        at = this.#data(bytes, at, to, sink);
      } else if (state === TRAILERS) at = this.#feedTrailers(bytes, at, to);
      else at = this.#frame(bytes[at] as number) ? at + 1 : BAD;
      if (at < 0) return BAD;
    }
    return at;
  }

  #start(state: number): void {
    this.#state = state;
    this.trailers = NONE;
    this.bytesRead = 0;
    this.#left = 0;
  }

  #data(bytes: Buffer, from: number, to: number, sink: Sink): number {
    const isEndless = this.#state === UNTIL_CLOSE;
    const end = isEndless || to - from <= this.#left ? to : from + this.#left;
    this.bytesRead += end - from;
    if (!isEndless) {
      this.#left -= end - from;
      if (this.#left === 0) this.#state = this.#state === DATA ? DATA_CR : DONE;
    }
    sink.take(bytes, from, end);
    return end;
  }

  /** One byte of what is around the data. Answers whether it may stand there. */
  #frame(byte: number): boolean {
    if (this.#state === SIZE) return this.#size(byte);
    if (this.#state === EXTENSION) return this.#extension(byte);
    if (this.#state === SIZE_END) {
      if (byte !== LF) return this.#bad(PROBLEMS.chunkSize);
      this.#digits = 0;
      this.#state = this.#left === 0 ? TRAILERS : DATA;
      return true;
    }
    const isRight = byte === (this.#state === DATA_CR ? CR : LF);
    if (!isRight) return this.#bad(PROBLEMS.chunkEnd);
    this.#state = this.#state === DATA_CR ? DATA_LF : SIZE;
    return true;
  }

  #size(byte: number): boolean {
    const digit = HEX[byte] as number;
    if (digit < 16) {
      this.#digits += 1;
      if (this.#digits > SIZE_DIGITS_MAX) return this.#bad(PROBLEMS.chunkSize);
      this.#left = this.#left * 16 + digit;
      return true;
    }
    if (this.#digits === 0) return this.#bad(PROBLEMS.chunkSize);
    if (byte === CR) this.#state = SIZE_END;
    else if (byte === SEMICOLON) {
      this.#state = EXTENSION;
      this.#mark = byte;
      this.#hasValue = false;
    } else return this.#bad(PROBLEMS.chunkSize);
    return true;
  }

  /** ";name=value;name": of tokens alone, and dropped. */
  #extension(byte: number): boolean {
    const isMark = byte === CR || byte === SEMICOLON || byte === EQUALS;
    // Something has to stand between two marks, and one "=" between two ";".
    if (isMark && this.#mark !== 0) return this.#bad(PROBLEMS.chunkExtension);
    if (byte === EQUALS && this.#hasValue) return this.#bad(PROBLEMS.chunkExtension);
    this.#mark = isMark ? byte : 0;
    this.#hasValue = byte === EQUALS || (this.#hasValue && byte !== SEMICOLON);
    if (byte === CR) {
      this.#state = SIZE_END;
      return true;
    }
    this.#extensionBytes += 1;
    if (this.#extensionBytes > this.#limits.chunkExtensionBytesMax) {
      return this.#bad(PROBLEMS.chunkExtensions);
    }
    return isMark || TOKEN[byte] === 1 || this.#bad(PROBLEMS.chunkExtension);
  }

  /** Most are one empty line. The rest is kept until it is whole. */
  #feedTrailers(bytes: Buffer, from: number, to: number): number {
    const kept = this.#trailerBytes;
    if (kept === undefined && bytes[from] === CR && from + 1 < to && bytes[from + 1] === LF) {
      this.#state = DONE;
      return from + 2;
    }
    const before = kept?.length ?? 0;
    const piece = bytes.subarray(from, to);
    const all = kept === undefined ? Buffer.from(piece) : Buffer.concat([kept, piece]);
    const end = this.#readTrailers(all);
    if (end === BAD) return BAD;
    if ((end === INCOMPLETE ? all.length : end) > this.#limits.trailerBytesMax) {
      this.problem = PROBLEMS.trailers;
      return BAD;
    }
    if (end !== INCOMPLETE) return from + end - before;
    this.#trailerBytes = all;
    return to;
  }

  #readTrailers(all: Buffer): number {
    const head = this.#head;
    const end = head.readFields(all, 0, all.length);
    if (end === BAD) this.problem = head.problem;
    if (end < 0) return end;
    if (hasFraming(head)) {
      this.problem = PROBLEMS.trailer;
      return BAD;
    }
    this.trailers = head.rawHeaders();
    this.#trailerBytes = undefined;
    this.#state = DONE;
    return end;
  }

  #bad(problem: Problem): boolean {
    this.problem = problem;
    return false;
  }
}

/** What says where a message ends, or for whom it is, cannot come behind it. */
function hasFraming(head: Head): boolean {
  for (let at = 0; at < head.count; at += 1) {
    const field = head.field(at);
    if (field === CONTENT_LENGTH || field === TRANSFER_ENCODING || field === HOST) return true;
    // Some take its word on the connection as that of a head.
    if (field === CONNECTION || field === UPGRADE) return true;
  }
  return false;
}
