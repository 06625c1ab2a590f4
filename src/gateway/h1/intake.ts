import type { Socket } from "node:net";
import { CR } from "../../base/h1/bytes.ts";
import { Framing, type Sink } from "../../base/h1/framing.ts";
import { BAD, type Head, INCOMPLETE } from "../../base/h1/head.ts";
import { PROBLEMS, type Problem } from "../../base/h1/problem.ts";
import { isWorthReading, skipEmptyLine } from "../../base/h1/scan.ts";
import { LIMITS } from "../limits.ts";
import type { Asking } from "./asking.ts";
import { Kept } from "./kept.ts";
import { ReadBuffer, type ReadBuffers } from "./read_buffers.ts";

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

/** Reads the requests of one connection, as far as somebody acts on them; the rest waits. */
export class Intake implements Sink {
  readonly #socket: Socket;
  readonly #head: Head;
  readonly #reader: Reader;
  readonly #framing: Framing;
  readonly #kept = new Kept();
  readonly #buffer: ReadBuffer;
  /** Of the body; -1 when nobody knows ahead. */
  #bodyBytes = 0;
  /** How far what is kept was looked through for the end of a head. */
  #scanned = 0;
  #isTaking = false;
  #isHeld = false;
  #isPaused = false;
  #isOver = false;

  constructor(socket: Socket, parts: IntakeParts, reader: Reader) {
    this.#socket = socket;
    this.#head = parts.head;
    this.#reader = reader;
    this.#framing = new Framing(parts.spare, LIMITS);
    this.#buffer = new ReadBuffer(parts.buffers);
  }

  get isEmpty(): boolean {
    return this.#kept.length === 0;
  }

  get isBodyDone(): boolean {
    return this.#framing.isDone;
  }

  /** The body waits for `goOn`. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  startBody({ isChunked, bodyLength }: Asking): void {
    this.#bodyBytes = bodyLength;
    if (isChunked) this.#framing.startChunks();
    else this.#framing.startLength(bodyLength);
  }

  /** What the socket is to read into. */
  buffer(): Buffer {
    return this.#buffer.next();
  }

  /** So much has come at the beginning of `bytes`, which are only lent. */
  read(bytes: Buffer, length: number): void {
    if (this.#isOver) return;
    if (this.#kept.length > 0) {
      this.#kept.append(bytes.subarray(0, length));
      if (!this.#isTaking) this.#takeKept();
      return;
    }
    const taken = this.#take(bytes, length);
    if (!this.#framing.isDone) this.#buffer.begin(this.#bodyBytes, this.#framing.bytesRead);
    if (taken < length) this.#kept.append(bytes.subarray(taken, length));
    this.#settle();
  }

  /** Somebody acts again: reads what was kept, and on. */
  goOn(): void {
    this.#isHeld = false;
    if (this.#isTaking || this.#isOver) return;
    this.open();
    if (this.#kept.length > 0) this.#takeKept();
  }

  /** Reads no more; answers with what was not read. */
  stop(): Buffer {
    this.#isOver = true;
    return this.#kept.takeAll();
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
    const isLasting = this.#buffer.isLasting(bytes);
    const isFree = this.#reader.bodyPiece(isLasting ? piece : Buffer.from(piece));
    if (!isFree) this.#isHeld = true;
  }

  #takeKept(): void {
    const { bytes } = this.#kept;
    const length = this.#take(bytes, bytes.length);
    // Whoever stops the reading has what was kept.
    if (this.#isOver) return;
    this.#kept.drop(length);
    this.#settle();
  }

  /** What cannot be acted on yet is not read on, either. */
  #settle(): void {
    if (this.#isOver || this.#isPaused) return;
    if (!this.#isHeld && (this.#reader.isReady || this.#kept.length === 0)) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  /** Reads as much as can be acted on now; answers with how much that was. */
  #take(bytes: Buffer, to: number): number {
    this.#isTaking = true;
    let at = 0;
    while (at < to && !this.#isOver && !this.#isHeld) {
      const isHead = this.#framing.isDone;
      const next = isHead ? this.#takeHead(bytes, at, to) : this.#takeBody(bytes, at, to);
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
    const isWorth = this.#scanned === 0 || isWorthReading(bytes, from + this.#scanned, to);
    // Half an empty line in front of a head.
    if (to - from === 1 && bytes[from] === CR) return INCOMPLETE;
    const start = skipEmptyLine(bytes, from, to);
    const end = isWorth ? this.#head.readRequest(bytes, start, to) : INCOMPLETE;
    const isLong = (end === INCOMPLETE ? to : end) - start > LIMITS.headBytesMax;
    if (end === BAD || isLong) {
      this.#isOver = true;
      reader.headBad(end === BAD ? this.#head.problem : PROBLEMS.tooLong);
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

  #takeBody(bytes: Buffer, from: number, to: number): number {
    const reader = this.#reader;
    const framing = this.#framing;
    if (reader.isBodyHeld) {
      this.#isHeld = true;
      return INCOMPLETE;
    }
    const end = framing.feed(bytes, from, to, this);
    const isLong = framing.bytesRead > LIMITS.bodyBytesMax;
    if (end === BAD || isLong) {
      this.#isOver = true;
      reader.bodyBad(end === BAD ? framing.problem : PROBLEMS.bodyBytes);
      return BAD;
    }
    if (framing.isDone) {
      this.#buffer.end(!this.#isHeld);
      reader.bodyEnded(framing.trailers);
    } else reader.bodyGoing();
    return end;
  }
}
