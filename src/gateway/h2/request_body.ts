import type { Exchange } from "../exchange.ts";
import { trailersOf } from "../head.ts";
import type { Stream } from "./stream.ts";
import type { Chunks } from "./turn.ts";

const PIECE_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);
const NONE: readonly string[] = [];

/**
 * The body of a request on its way to an instance: what comes in frames goes on in pieces as large
 * as what was read at once, in memory that is used again. What has to wait is kept at its own size.
 */
export class RequestBody {
  readonly #stream: Stream;
  readonly #chunks: Chunks;
  /** What has come of this read. */
  #chunk: Buffer = NOTHING;
  #at = 0;
  readonly #waiting: Buffer[] = [];
  /** The instance is slower: no more until `goOn`, and this is lent to it until then. */
  #isHeld = false;
  #lent: Buffer | undefined;
  #isWhole: boolean;
  #isSent = false;
  #trailers: readonly string[] = NONE;

  constructor(stream: Stream, chunks: Chunks) {
    this.#stream = stream;
    this.#chunks = chunks;
    this.#isWhole = stream.isEnded;
  }

  /** All that comes has come. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** All of it has gone on. */
  get isSent(): boolean {
    return this.#isSent;
  }

  take(exchange: Exchange | undefined, bytes: Buffer, from: number, to: number): void {
    for (let at = from; at < to; ) {
      if (this.#chunk === NOTHING) this.#chunk = this.#chunks.take(PIECE_BYTES);
      const end = Math.min(to, at + this.#chunk.length - this.#at);
      bytes.copy(this.#chunk, this.#at, at, end);
      this.#at += end - at;
      at = end;
      if (this.#at === this.#chunk.length) this.settle(exchange);
    }
  }

  /** Nothing more has come for now. */
  settle(exchange: Exchange | undefined): void {
    const [chunk, length] = [this.#chunk, this.#at];
    if (length === 0) return;
    this.#chunk = NOTHING;
    this.#at = 0;
    if (this.#isHeld || exchange?.isReady !== true) {
      this.#waiting.push(Buffer.from(chunk.subarray(0, length)));
      this.#chunks.giveBack(chunk);
      return;
    }
    if (this.#pass(exchange, chunk.subarray(0, length))) this.#chunks.giveBack(chunk);
    else this.#lent = chunk;
  }

  /** Answers whether that was the last: it goes on at once, or when the rest has. */
  end(exchange: Exchange | undefined, trailers: readonly string[]): boolean {
    this.settle(exchange);
    this.#isWhole = true;
    this.#trailers = trailers;
    return !this.#isHeld && exchange?.isReady === true && this.#sendEnd(exchange);
  }

  /** The instance takes more. Answers whether that was the last. */
  goOn(exchange: Exchange | undefined): boolean {
    this.#isHeld = false;
    if (this.#lent !== undefined) this.#chunks.giveBack(this.#lent);
    this.#lent = undefined;
    while (exchange !== undefined && this.#waiting.length > 0 && !this.#isHeld) {
      this.#pass(exchange, this.#waiting.shift() as Buffer);
    }
    return exchange !== undefined && this.#isWhole && this.#sendEnd(exchange);
  }

  /** What has come of it has nowhere to go. */
  drop(): void {
    let bytes = this.#at;
    for (const { length } of this.#waiting.splice(0)) bytes += length;
    if (this.#chunk !== NOTHING) this.#chunks.giveBack(this.#chunk);
    this.#chunk = NOTHING;
    this.#at = 0;
    // Somebody may still read from it.
    this.#lent = undefined;
    if (bytes > 0) this.#stream.dropped(bytes);
  }

  #pass(exchange: Exchange, piece: Buffer): boolean {
    this.#isHeld = !exchange.send(piece);
    this.#stream.consumed(piece.length);
    return !this.#isHeld;
  }

  #sendEnd(exchange: Exchange): boolean {
    if (this.#waiting.length > 0 || this.#isSent) return false;
    this.#isSent = true;
    const trailers = this.#trailers;
    exchange.sendEnd(trailers.length === 0 ? NONE : trailersOf(trailers).flat());
    return true;
  }
}
