import type { Outgoing } from "../caller.ts";
import type { H1Answer } from "../h1/channel.ts";
import { LIMITS } from "../limits.ts";
import * as Code from "./codes.ts";
import type { Flow } from "./flow.ts";
import type { HeadWriter } from "./head_writer.ts";
import type { Output } from "./output.ts";

/** Who acts on a stream. What it is given is lent until the call returns. */
export interface StreamUser {
  /** A piece of the body: `consumed` or `dropped` is to be called for it, now or later. */
  bodyPiece(bytes: Buffer, from: number, to: number): void;
  bodyEnded(trailers: readonly string[]): void;
  /** All pieces that were read at once have been told. */
  readEnded(): void;
  /** The client has taken some of what waited, and not all. */
  draining(): void;
  /** The client has taken all that waited. */
  drained(): void;
  /** It is over, in whichever way: once. */
  closed(): void;
}

/** The connection, as its streams see it. */
export interface StreamHost {
  readonly output: Output;
  readonly writer: HeadWriter;
  readonly flow: Flow;
  /** The client does what makes no sense in this stream. */
  broken(stream: Stream, code: number): void;
  /** `isReset`: by us, so that the client may not know of it yet. */
  closed(stream: Stream, isReset: boolean): void;
  /** All is said from here, and the other side goes on. */
  outlasted(stream: Stream): void;
}

export interface StreamOptions {
  readonly id: number;
  /** What the client takes of this stream. */
  readonly window: number;
  /** Of its body; -1 when that is not known ahead. */
  readonly length: number;
  /** The head was the end of what the client sends. */
  readonly isEnded: boolean;
}

/** One stream: what a client asks and what it is answered, each with its window. */
export class Stream {
  readonly id: number;
  user: StreamUser | undefined;
  /** Nothing more comes or goes. */
  isOver = false;
  /** It is in line for sending. */
  isWaiting = false;
  readonly #host: StreamHost;
  #window: number;
  /** Of the request: its end has come; bytes that it should have, and has. */
  #isEnded: boolean;
  #length: number;
  #bytes = 0;
  /** What the client may still send; what it may be allowed anew; what nobody has taken yet. */
  #room = LIMITS.h2WindowBytes;
  #taken = 0;
  #held = 0;
  /** Of the answer: what waits for room, what ends it, and whether that is written. */
  readonly #waiting: Buffer[] = [];
  #ending: readonly string[] | undefined;
  #isDone = false;
  #lastAt = 0;
  #lastEpoch = -1;

  constructor(host: StreamHost, { id, window, length, isEnded }: StreamOptions) {
    this.#host = host;
    this.id = id;
    this.#window = window;
    this.#length = length;
    this.#isEnded = isEnded;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The answer is written, or what is left of it waits. */
  get isAnswered(): boolean {
    return this.#isDone || this.#ending !== undefined;
  }

  /** A frame of a body begins; answers with what is wrong with that. */
  takeFrame(bytes: number): number {
    if (this.#isEnded) return Code.STREAM_CLOSED;
    this.#room -= bytes;
    return this.#room < 0 ? Code.FLOW_CONTROL_ERROR : Code.NO_ERROR;
  }

  take(bytes: Buffer, from: number, to: number): void {
    this.#bytes += to - from;
    this.#held += to - from;
    if (this.#length >= 0 && this.#bytes > this.#length) {
      this.#host.broken(this, Code.PROTOCOL_ERROR);
    } else {
      this.user?.bodyPiece(bytes, from, to);
      this.#host.flow.readBy(this);
    }
  }

  takePadding(bytes: number): void {
    this.#held += bytes;
    this.consumed(bytes);
  }

  takeEnd(trailers: readonly string[]): void {
    if (this.#length >= 0 && this.#bytes !== this.#length) {
      this.#host.broken(this, Code.PROTOCOL_ERROR);
      return;
    }
    this.#isEnded = true;
    this.user?.bodyEnded(trailers);
    if (this.#isDone && !this.isOver) this.#close(false);
  }

  /** So much of the body has gone on: the client may send as much again. */
  consumed(bytes: number): void {
    this.dropped(bytes);
    if (this.#isEnded || this.isOver) return;
    this.#taken += bytes;
    if (this.#taken * 2 < LIMITS.h2WindowBytes) return;
    this.#host.output.widen(this.id, this.#taken);
    this.#room += this.#taken;
    this.#taken = 0;
  }

  /** So much of the body nobody wants: the other streams may have the room. */
  dropped(bytes: number): void {
    if (this.isOver) return;
    this.#held -= bytes;
    this.#host.flow.consumed(bytes);
  }

  /** The client takes so much more, or less. False: that is more than there may be. */
  widen(bytes: number): boolean {
    this.#window += bytes;
    if (this.#window > Code.WINDOW_LIMIT) return false;
    if (this.#waiting.length > 0 && this.#window > 0) this.#host.flow.wait(this);
    return true;
  }

  /** So long is what comes to be. */
  expect(length: number): void {
    this.#length = length;
  }

  asked(outgoing: Outgoing): void {
    this.#note(this.#host.writer.request(this.id, outgoing));
    if (!outgoing.hasBody) this.#done();
  }

  goOn(): void {
    if (!this.isOver) this.#host.writer.goOn(this.id);
  }

  informed(answer: H1Answer): void {
    if (!this.isOver) this.#host.writer.information(this.id, answer);
  }

  answered(answer: H1Answer, revision: string, isLast: boolean): void {
    if (this.isOver) return;
    this.#note(this.#host.writer.answer(this.id, answer, revision, isLast));
    if (isLast) this.#done();
  }

  /** A head that is given as a list. */
  listed(code: number, headers: readonly string[], isLast: boolean): void {
    if (this.isOver) return;
    this.#note(this.#host.writer.listed(this.id, code, headers, isLast));
    if (isLast) this.#done();
  }

  /**
   * A piece of the answer's body, lent as to `Caller.received`. False: the client is slower.
   *
   * HOT: runs for every answer. Allocates only what has to wait.
   */
  send(bytes: Buffer, from: number, to: number, isLasting: boolean): boolean {
    if (this.isOver || this.isAnswered) return true;
    const start = this.#waiting.length === 0 ? this.#write(bytes, from, to, Infinity) : from;
    if (start === to) return true;
    const rest = bytes.subarray(start, to);
    this.#waiting.push(isLasting ? rest : Buffer.from(rest));
    this.#host.flow.keptBytes += rest.length;
    if (this.#window > 0) this.#host.flow.wait(this);
    return false;
  }

  /** The answer is whole. */
  end(trailers: readonly string[]): void {
    if (this.isOver || this.isAnswered) return;
    this.#ending = trailers;
    if (this.#waiting.length === 0) this.#end();
  }

  /** There is room: sends a frame of what waits. Whether there is more that may go. */
  pump(): boolean {
    const first = this.#waiting[0];
    if (first === undefined || this.isOver) return false;
    const to = this.#write(first, 0, first.length, 1);
    this.#host.flow.keptBytes -= to;
    if (to < first.length) this.#waiting[0] = first.subarray(to);
    else this.#waiting.shift();
    if (this.#waiting.length > 0) {
      if (to > 0) this.user?.draining();
      return this.#window > 0;
    }
    if (this.#ending !== undefined) this.#end();
    else this.user?.drained();
    return false;
  }

  /** Ends it at once; what waits is dropped. */
  reset(code: number): void {
    if (this.isOver) return;
    this.#host.output.reset(this.id, code);
    this.#close(true);
  }

  /** The client has ended it, or its connection. */
  gone(): void {
    if (!this.isOver) this.#close(false);
  }

  /** Writes as much as may go now, in so many frames at most; answers with how far it came. */
  #write(bytes: Buffer, from: number, to: number, framesMax: number): number {
    const { output, flow } = this.#host;
    let at = from;
    for (let frames = 0; at < to && frames < framesMax && !output.isFull; frames += 1) {
      const length = Math.min(to - at, Code.FRAME_BYTES_MAX, this.#window, flow.window);
      if (length <= 0) break;
      this.#note(output.data(this.id, bytes, at, at + length));
      this.#window -= length;
      flow.window -= length;
      at += length;
    }
    return at;
  }

  /** The last frame, as far as anybody knows: it may become the end of the stream. */
  #note(at: number): void {
    this.#lastAt = at;
    this.#lastEpoch = this.#host.output.epoch;
  }

  #end(): void {
    const { output, writer } = this.#host;
    const trailers = this.#ending ?? [];
    if (trailers.length > 0) writer.trailers(this.id, trailers);
    else if (this.#lastEpoch === output.epoch) output.markLast(this.#lastAt);
    else output.end(this.id);
    this.#done();
  }

  #done(): void {
    this.#isDone = true;
    if (this.#isEnded) this.#close(false);
    else this.#host.outlasted(this);
  }

  #close(isReset: boolean): void {
    this.isOver = true;
    for (const piece of this.#waiting.splice(0)) this.#host.flow.keptBytes -= piece.length;
    if (this.#held > 0) this.#host.flow.consumed(this.#held);
    this.#held = 0;
    this.#host.closed(this, isReset);
    this.user?.closed();
  }
}
