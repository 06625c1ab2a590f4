import type { AnswerHead } from "./caller.ts";
import { lastValueOf } from "./head.ts";

const LF = 10;
const CR = 13;
/** As many as an empty line has at most, with the end of the line before it. */
const TAIL = 4;

/**
 * Knows where a stream of server-sent events is between two of them, which is behind an empty line,
 * and so may be ended there. While nobody asks for the end, it reads the last bytes alone.
 */
export class Events {
  isEnding = false;
  /** Ends of lines, with nothing in between; nothing was sent yet is as good as two. */
  #ends = 2;
  #isAfterCr = false;

  get isBetween(): boolean {
    return this.#ends >= 2;
  }

  /** Answers with where an event first ends in these bytes, if an end is asked for, or else -1. */
  feed(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    if (!this.isEnding && to - from > TAIL) {
      at = to - TAIL;
      this.#ends = 0;
      this.#isAfterCr = false;
    }
    for (; at < to; at += 1) {
      this.#step(bytes[at] as number);
      if (this.isEnding && this.isBetween) return at + 1;
    }
    return -1;
  }

  /** Lines end in CR, LF, or both (HTML, 9.2.5). */
  #step(byte: number): void {
    const isSecond = byte === LF && this.#isAfterCr;
    this.#isAfterCr = byte === CR;
    if (isSecond) return;
    this.#ends = byte === LF || byte === CR ? this.#ends + 1 : 0;
  }
}

/** For an answer of events that can be read, and that may end anywhere. */
export function eventsOf(head: AnswerHead): Events | undefined {
  if (!head.isStream || head.bodyBytes >= 0) return undefined;
  const raw = head.rawHeaders();
  const isPlain = (lastValueOf(raw, "content-encoding") ?? "identity") === "identity";
  const isEvents = /^text\/event-stream/i.test(lastValueOf(raw, "content-type") ?? "");
  return isPlain && isEvents ? new Events() : undefined;
}
