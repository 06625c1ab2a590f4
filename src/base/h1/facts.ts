import { CR, HT, isWord, lowered, SP, TOKEN, wordOf } from "./bytes.ts";
import * as Field from "./fields.ts";
import type { Head } from "./head.ts";
import { PROBLEMS, type Problem } from "./problem.ts";

const CHUNKED = wordOf("chunked");
const CLOSE = wordOf("close");
const KEEP_ALIVE = wordOf("keep-alive");
const UPGRADE = wordOf("upgrade");
const TRAILERS = wordOf("trailers");
const CONTINUE = wordOf("100-continue");
const COMMA = 44;
const ZERO = 48;
const LENGTH_DIGITS_MAX = 15;

/**
 * What the headers of one message say of the message itself: how long it is, whether the connection
 * stays, which of its lines go no further. One object serves all messages, one after another.
 */
export class Facts {
  /** Bytes of the body; -1 when no header says. */
  length = -1;
  isChunked = false;
  isClose = false;
  isKeepAlive = false;
  /** `Connection` has the word "upgrade". */
  isUpgrade = false;
  takesTrailers = false;
  isExpecting = false;
  hasDate = false;
  /** Of the header `Host`, and of the last of others; -1 when there is none. */
  hostAt = -1;
  upgradeAt = -1;
  typeAt = -1;
  /** Some lines end here, or are replaced. Without any, the head passes as it came. */
  hasDropped = false;
  /** A client has said for whom it asks. */
  hasForwarded = false;
  /** `Connection` has named other headers, which end here as well. */
  hasNamed = false;

  /**
   * Reads them; answers with what is wrong.
   *
   * HOT: runs for every message. No allocation, closure, exception or await.
   */
  read(head: Head, isRequest: boolean): Problem | undefined {
    this.#clear();
    let codings = 0;
    for (let at = 0; at < head.count; at += 1) {
      const field = head.field(at);
      if (field === Field.OTHER) continue;
      if (field === Field.HOST) {
        if (this.hostAt >= 0 && isRequest) return PROBLEMS.hosts;
        this.hostAt = at;
      } else if (field === Field.CONTENT_LENGTH) {
        if (this.length >= 0) return PROBLEMS.lengths;
        this.length = lengthOf(head.bytes, head.valueStart(at), head.valueEnd(at));
        if (this.length < 0) return PROBLEMS.length;
      } else if (field === Field.TRANSFER_ENCODING) {
        codings += 1;
        if (codings > 1) return PROBLEMS.codings;
        const end = head.valueEnd(at);
        if (!isWord(head.bytes, head.valueStart(at), end, CHUNKED)) {
          const isLast = isWord(head.bytes, end - CHUNKED.length, end, CHUNKED);
          return isLast ? PROBLEMS.coding : PROBLEMS.codingLast;
        }
        // Blanks behind it are in order, and yet some do not know it with them.
        if (head.bytes[end] !== CR) return PROBLEMS.codingLast;
        this.isChunked = true;
      } else if (field === Field.EXPECT && isRequest) {
        const isKnown = isWord(head.bytes, head.valueStart(at), head.valueEnd(at), CONTINUE);
        if (!isKnown) return PROBLEMS.expectation;
        this.isExpecting = true;
      } else this.#note(head, at, field);
    }
    return this.isChunked && this.length >= 0 ? PROBLEMS.lengthAndCoding : undefined;
  }

  /** Whether the connection may carry another message after this one. */
  stays(minor: number): boolean {
    return minor === 1 ? !this.isClose : this.isKeepAlive && !this.isClose;
  }

  #clear(): void {
    this.length = -1;
    this.isChunked = false;
    this.isClose = false;
    this.isKeepAlive = false;
    this.isUpgrade = false;
    this.takesTrailers = false;
    this.isExpecting = false;
    this.hasDate = false;
    this.hostAt = -1;
    this.upgradeAt = -1;
    this.typeAt = -1;
    this.hasDropped = false;
    this.hasForwarded = false;
    this.hasNamed = false;
  }

  #note(head: Head, at: number, field: number): void {
    if (field === Field.DATE) this.hasDate = true;
    else if (field === Field.CONTENT_TYPE) this.typeAt = at;
    else {
      this.hasDropped = true;
      if (field === Field.CONNECTION) this.#readConnection(head, at);
      else if (field === Field.UPGRADE) this.upgradeAt = at;
      else if (field === Field.FORWARDED) this.hasForwarded = true;
      else if (field === Field.TE) this.#readTe(head, at);
    }
  }

  #readConnection(head: Head, at: number): void {
    const { bytes } = head;
    const end = head.valueEnd(at);
    for (let from = head.valueStart(at); from < end; ) {
      const to = itemEnd(bytes, from, end);
      const start = skipBlank(bytes, from, to);
      const stop = trimBlank(bytes, start, to);
      if (isWord(bytes, start, stop, CLOSE)) this.isClose = true;
      else if (isWord(bytes, start, stop, KEEP_ALIVE)) this.isKeepAlive = true;
      else if (isWord(bytes, start, stop, UPGRADE)) this.isUpgrade = true;
      else if (stop > start) this.hasNamed = true;
      from = to + 1;
    }
  }

  #readTe(head: Head, at: number): void {
    const { bytes } = head;
    const end = head.valueEnd(at);
    for (let from = head.valueStart(at); from < end; ) {
      const to = itemEnd(bytes, from, end);
      const start = skipBlank(bytes, from, to);
      let stop = start;
      while (stop < to && TOKEN[bytes[stop] as number] === 1) stop += 1;
      if (isWord(bytes, start, stop, TRAILERS)) this.takesTrailers = true;
      from = to + 1;
    }
  }
}

/** Whether one of the `Connection` headers has this name in its list. */
export function isNamed(head: Head, nameAt: number): boolean {
  const { bytes } = head;
  for (let at = 0; at < head.count; at += 1) {
    if (head.field(at) !== Field.CONNECTION) continue;
    const end = head.valueEnd(at);
    for (let from = head.valueStart(at); from < end; ) {
      const to = itemEnd(bytes, from, end);
      const start = skipBlank(bytes, from, to);
      if (isSame(head, nameAt, start, trimBlank(bytes, start, to))) return true;
      from = to + 1;
    }
  }
  return false;
}

function isSame(head: Head, nameAt: number, start: number, end: number): boolean {
  const { bytes } = head;
  const name = head.nameStart(nameAt);
  if (end - start !== head.nameEnd(nameAt) - name) return false;
  for (let at = 0; at < end - start; at += 1) {
    if (lowered(bytes[start + at] as number) !== lowered(bytes[name + at] as number)) return false;
  }
  return true;
}

/** Digits alone, and as many as a number holds exactly; -1 for all else. */
function lengthOf(bytes: Uint8Array, from: number, to: number): number {
  if (from === to || to - from > LENGTH_DIGITS_MAX) return -1;
  let length = 0;
  for (let at = from; at < to; at += 1) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

function itemEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== COMMA) at += 1;
  return at;
}

function skipBlank(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes[at] === SP || bytes[at] === HT)) at += 1;
  return at;
}

function trimBlank(bytes: Uint8Array, from: number, end: number): number {
  let at = end;
  while (at > from && (bytes[at - 1] === SP || bytes[at - 1] === HT)) at -= 1;
  return at;
}
