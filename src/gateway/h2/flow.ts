import { LIMITS } from "../limits.ts";
import * as Code from "./codes.ts";
import type { Output } from "./output.ts";
import type { Stream } from "./stream.ts";

/** This one is the connection itself. */
const CONNECTION = 0;

/** What all streams of a connection share: its windows, and whose turn it is. */
export class Flow {
  /** What the other side takes of all streams together. */
  window = Code.WINDOW_BYTES;
  /** What it may still send. */
  room: number = LIMITS.h2SessionWindowBytes;
  /** Bytes that wait for it. */
  keptBytes = 0;
  readonly #output: Output;
  /** What it may be allowed to send anew. */
  #taken = 0;
  /** Streams that have something to send, in the order in which they may. */
  #line: Stream[] = [];
  /** Streams to which something has come in this read: most often one. */
  #reading: Stream[] = [];
  #isOver = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /** The other side may send as much as we allow: more than it would without a word. */
  greet(): void {
    const more = LIMITS.h2SessionWindowBytes - Code.WINDOW_BYTES;
    if (more > 0) this.#output.widen(CONNECTION, more);
  }

  /** False: there is no window that large. */
  widen(bytes: number): boolean {
    this.window += bytes;
    return this.window <= Code.WINDOW_LIMIT;
  }

  /** So many bytes of bodies are nobody's burden any more: the other side may send others. */
  consumed(bytes: number): void {
    this.#taken += bytes;
    if (this.#isOver || this.#taken * 2 < LIMITS.h2SessionWindowBytes) return;
    this.#output.widen(CONNECTION, this.#taken);
    this.room += this.#taken;
    this.#taken = 0;
  }

  /** It has something to send when there is room. */
  wait(stream: Stream): void {
    if (stream.isWaiting) return;
    stream.isWaiting = true;
    this.#line.push(stream);
  }

  /** Those who wait send in turn, a frame each, as long as there is room. */
  pump(): void {
    const line = this.#line;
    if (line.length === 0) return;
    let at = 0;
    for (; at < line.length && this.window > 0 && !this.#output.isFull; at += 1) {
      const stream = line[at] as Stream;
      // It may have more to send by what it does when it has sent this.
      stream.isWaiting = false;
      if (stream.pump()) this.wait(stream);
    }
    if (!this.#isOver) this.#line = line.slice(at);
  }

  /** It wants to know when all is told that was read at once. */
  readBy(stream: Stream): void {
    if (this.#reading.at(-1) !== stream) this.#reading.push(stream);
  }

  readEnded(): void {
    const reading = this.#reading;
    if (reading.length === 0) return;
    this.#reading = [];
    for (const stream of reading) stream.user?.readEnded();
  }

  end(): void {
    this.#isOver = true;
    this.#line = [];
  }
}
