import type { Socket } from "node:net";
import { CR } from "../../base/h1/bytes.ts";
import { Framing, type Sink } from "../../base/h1/framing.ts";
import { BAD, type Head, INCOMPLETE } from "../../base/h1/head.ts";
import { PROBLEMS, type Problem } from "../../base/h1/problem.ts";
import { isWorthReading, skipEmptyLine } from "../../base/h1/scan.ts";
import { LIMITS } from "../limits.ts";
import type { Asking } from "./asking.ts";
import { Kept } from "./kept.ts";
import { isLong, ReadBuffer, type ReadBuffers } from "./read_buffers.ts";

/** Who acts on what is read, and says when it cannot. */
export interface Reader {
  /** Nothing is under way: a head may be read. */
  readonly isReady: boolean;
  /** The body has to wait, for nobody takes it yet. */
  readonly isBodyHeld: boolean;
  /** A head has begun, and is not whole. */
  headBegun(): void;
  /** It is in the head that all share, until this returns. */
  headRead(): void;
  /** Nothing is read after this. */
  headBad(problem: Problem): void;
  /** A piece of the body. False: no more until `goOn`. */
  bodyPiece(bytes: Buffer): boolean;
  /** Some of the body was taken, and it is not whole. */
  bodyGoing(): void;
  bodyEnded(trailers: readonly string[]): void;
  /** Nothing is read after this. */
  bodyBad(problem: Problem): void;
}

export interface IntakeParts {
  readonly head: Head;
  /** For trailers. */
  readonly spare: Head;
  readonly buffers: ReadBuffers;
}

const NOTHING = Buffer.alloc(0);
/** As much is read ahead: whoever is read from is seen to leave. */
const AHEAD_BYTES = 16 * 1024;

/** Reads the requests of one connection, as far as somebody acts on them; the rest waits. */
export class Intake implements Sink {
  readonly #socket: Socket;
  readonly #reader: Reader;
  readonly #parts: IntakeParts;
  /** Of the body that is read; idle connections have none of these three. */
  #framing: Framing | undefined;
  #kept: Kept | undefined;
  #buffer: ReadBuffer | undefined;
  /** Of the body; -1 when nobody knows ahead. */
  #bodyBytes = 0;
  /** How far what is kept was looked through for the end of a head. */
  #scanned = 0;
  #isTaking = false;
  #isHeld = false;
  /** Who holds it still writes from the bytes that were read. */
  #isLent = false;
  #isPaused = false;
  #isOver = false;

  constructor(socket: Socket, parts: IntakeParts, reader: Reader) {
    this.#socket = socket;
    this.#parts = parts;
    this.#reader = reader;
  }

  get isEmpty(): boolean {
    return this.#kept === undefined;
  }

  get isBodyDone(): boolean {
    return this.#framing === undefined;
  }

  /** The body waits for `goOn`. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  startBody({ isChunked, bodyLength }: Asking): void {
    this.#bodyBytes = bodyLength;
    if (!isChunked && bodyLength === 0) return;
    this.#framing = new Framing(this.#parts.spare, LIMITS);
    if (isChunked) this.#framing.startChunks();
    else this.#framing.startLength(bodyLength);
  }

  /** What the socket is to read into. */
  readBuffer(): Buffer {
    return this.#buffer?.next() ?? this.#parts.buffers.shared;
  }

  /** So much has come at the beginning of `bytes`, which are only lent. */
  read(bytes: Buffer, length: number): void {
    if (this.#isOver) return;
    if (this.#kept !== undefined) {
      this.#kept.append(bytes.subarray(0, length));
      if (!this.#isTaking) this.#takeKept();
      return;
    }
    const taken = this.#take(bytes, length);
    if (this.#framing !== undefined) this.#beginLong(this.#framing);
    if (taken < length) this.#keep(bytes.subarray(taken, length));
    this.#settle();
  }

  /** Somebody acts again: reads what was kept, and on. */
  goOn(): void {
    this.#isHeld = false;
    this.#isLent = false;
    if (this.#isTaking || this.#isOver) return;
    this.open();
    if (this.#kept !== undefined) this.#takeKept();
  }

  /** Reads no more; answers with what was not read. */
  stop(): Buffer {
    this.#isOver = true;
    const bytes = this.#kept?.takeAll() ?? NOTHING;
    this.#kept = undefined;
    return bytes;
  }

  /** Lets the socket flow, whoever takes its bytes. */
  open(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** Of the sink. */
  take(bytes: Buffer, from: number, to: number): void {
    const piece = bytes.subarray(from, to);
    const isLasting = this.#buffer?.isLasting(bytes) === true;
    const isFree = this.#reader.bodyPiece(isLasting ? piece : Buffer.from(piece));
    if (isFree) return;
    this.#isHeld = true;
    this.#isLent = true;
  }

  /** A long body gets a buffer of its own. */
  #beginLong({ bytesRead }: Framing): void {
    if (isLong(this.#bodyBytes, bytesRead)) {
      this.#buffer ??= new ReadBuffer(this.#parts.buffers);
      this.#buffer.begin();
    }
  }

  #keep(bytes: Buffer): void {
    this.#kept ??= new Kept();
    this.#kept.append(bytes);
  }

  #takeKept(): void {
    const kept = this.#kept as Kept;
    const { bytes } = kept;
    const length = this.#take(bytes, bytes.length);
    // Whoever stops the reading has what was kept.
    if (this.#isOver) return;
    kept.drop(length);
    if (kept.length === 0) this.#kept = undefined;
    this.#settle();
  }

  /** What cannot be acted on yet is not read on, either, once there is some of it. */
  #settle(): void {
    if (this.#isOver || this.#isPaused) return;
    if (!this.#isHeld && (this.#reader.isReady || this.isEmpty)) return;
    if (!this.#isLent && this.#isLittle()) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  #isLittle(): boolean {
    const framing = this.#framing;
    if (framing !== undefined && isLong(this.#bodyBytes, framing.bytesRead)) return false;
    return this.#kept !== undefined && this.#kept.length < AHEAD_BYTES;
  }

  /** Reads as much as can be acted on now; answers with how much that was. */
  #take(bytes: Buffer, to: number): number {
    this.#isTaking = true;
    let at = 0;
    while (at < to && !this.#isOver && !this.#isHeld) {
      const framing = this.#framing;
      const isHead = framing === undefined;
      const next = isHead ? this.#takeHead(bytes, at, to) : this.#takeBody(framing, bytes, at, to);
      if (next < 0) break;
      at = next;
    }
    this.#isTaking = false;
    return at;
  }

  /** Answers with where the head ends. */
  #takeHead(bytes: Buffer, from: number, to: number): number {
    const reader = this.#reader;
    if (!reader.isReady) return INCOMPLETE;
    const { head } = this.#parts;
    const isWorth = this.#scanned === 0 || isWorthReading(bytes, from + this.#scanned, to);
    // Half an empty line in front of a head.
    if (to - from === 1 && bytes[from] === CR) return INCOMPLETE;
    const start = skipEmptyLine(bytes, from, to);
    const end = isWorth ? head.readRequest(bytes, start, to) : INCOMPLETE;
    const isTooLong = (end === INCOMPLETE ? to : end) - start > LIMITS.headBytesMax;
    if (end === BAD || isTooLong) {
      this.#isOver = true;
      reader.headBad(end === BAD ? head.problem : PROBLEMS.tooLong);
      return BAD;
    }
    if (end === INCOMPLETE) {
      if (this.#scanned === 0) reader.headBegun();
      this.#scanned = to - from;
      return INCOMPLETE;
    }
    this.#scanned = 0;
    reader.headRead();
    return end;
  }

  #takeBody(framing: Framing, bytes: Buffer, from: number, to: number): number {
    const reader = this.#reader;
    if (reader.isBodyHeld) {
      this.#isHeld = true;
      return INCOMPLETE;
    }
    const end = framing.feed(bytes, from, to, this);
    if (end === BAD) {
      this.#isOver = true;
      reader.bodyBad(framing.problem);
      return BAD;
    }
    // Whoever has refused a piece takes no more.
    if (this.#isOver) return end;
    if (framing.isDone) {
      this.#framing = undefined;
      this.#buffer?.end(!this.#isHeld);
      reader.bodyEnded(framing.trailers);
    } else reader.bodyGoing();
    return end;
  }
}
