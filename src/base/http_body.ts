import { Readable } from "node:stream";
import type { Facts } from "./h1/facts.ts";
import { Framing, type FramingLimits, type Sink } from "./h1/framing.ts";
import type { Head } from "./h1/head.ts";
import type { Problem } from "./h1/problem.ts";

/** What a handler may throw to say that the body is too large; `bytesMax` is the rule. */
export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
  readonly bytesMax: number;

  constructor(bytesMax: number) {
    super(`The body is larger than ${bytesMax} bytes`);
    this.bytesMax = bytesMax;
  }
}

const NOTHING = Buffer.alloc(0);
/** Pieces are put together when there are so many. */
const PIECES_MAX = 1024;

/** One body after another of a connection: put together, streamed, or else thrown away. */
export class HttpBody implements Sink {
  /** As its head says; -1 when it comes in chunks. */
  length = 0;
  /** The stream is full. */
  isHeld = false;
  readonly #framing: Framing;
  #pieces: Buffer[] | undefined;
  #stream: Readable | undefined;

  /** `spare` is lent for trailers. */
  constructor(spare: Head, limits: FramingLimits) {
    this.#framing = new Framing(spare, limits);
  }

  /** Nothing of it is left to read. */
  get isDone(): boolean {
    return this.#framing.isDone;
  }

  get bytesRead(): number {
    return this.#framing.bytesRead;
  }

  get problem(): Problem {
    return this.#framing.problem;
  }

  start({ isChunked, length }: Facts): void {
    this.length = isChunked ? -1 : Math.max(0, length);
    if (isChunked) this.#framing.startChunks();
    else this.#framing.startLength(this.length);
  }

  gather(): void {
    this.#pieces = [];
  }

  /** `onFree` is called when more can be taken, after it could not. */
  stream(onFree: () => void): Readable {
    const free = () => {
      if (!this.isHeld) return;
      this.isHeld = false;
      onFree();
    };
    const stream = new Readable({
      read: free,
      destroy: (error, done) => {
        // What nobody reads any more is thrown away.
        if (this.#stream === stream) this.#stream = undefined;
        free();
        done(error);
      },
    });
    // The caller may leave before anybody has begun to read.
    stream.on("error", () => {});
    this.#stream = stream;
    return stream;
  }

  /** Reads what belongs to it; answers with where that ends, or `BAD`. */
  feed(bytes: Buffer, from: number): number {
    const end = this.#framing.feed(bytes, from, bytes.length, this);
    if (this.#framing.isDone) this.#end();
    return end;
  }

  /** Of the sink. */
  take(bytes: Buffer, from: number, to: number): void {
    const piece = bytes.subarray(from, to);
    if (this.#stream !== undefined) this.isHeld = !this.#stream.push(piece);
    else if (this.#pieces !== undefined) {
      const count = this.#pieces.push(piece);
      if (count > PIECES_MAX) this.#pieces = [Buffer.concat(this.#pieces)];
    }
  }

  /** All of it, when it was put together; nothing more is then. */
  taken(): Buffer | undefined {
    const pieces = this.#pieces;
    this.#pieces = undefined;
    return pieces?.length === 1 ? (pieces[0] ?? NOTHING) : pieces && Buffer.concat(pieces);
  }

  /** The rest is thrown away; whoever reads a stream of it is told why, if there is a reason. */
  drop(reason?: Error): void {
    this.#pieces = undefined;
    this.#stream?.destroy(reason);
  }

  #end(): void {
    this.isHeld = false;
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.push(null);
  }
}
