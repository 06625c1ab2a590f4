import { COLON, CR, FIELD, HT, LF, SP, TARGET, TOKEN, textOf } from "./bytes.ts";
import { fieldOf } from "./fields.ts";
import { PROBLEMS, type Problem } from "./problem.ts";

/** The head is not whole yet. */
export const INCOMPLETE = -1;
/** It cannot be read; `Head.problem` says why. */
export const BAD = -2;

/** Of each header: which it is, and where its name begins and ends, and its value. */
const ROW = 5;
const H = 72;
const ZERO = 48;
const NINE = 57;
const NOTHING = Buffer.alloc(0);

export interface HeadLimits {
  /** Headers of one message, or trailers. */
  readonly headersMax: number;
}

/**
 * The head of one message, as places in the bytes that came: nothing is copied, and nothing is
 * made of it before somebody asks. One object serves all messages of a worker, one after another.
 *
 *     GET /path HTTP/1.1␍␊Host: shop.localhost␍␊Accept: x␍␊␍␊body…
 *     ▲   ▲    ▲          ▲   ▲ ▲             ▲          ▲
 *     start    targetEnd  row 0: name, value              end
 *
 * Whatever could be read in two ways is `BAD`: lines that end in LF alone, lines that go on, spaces
 * before a colon, control characters, CR anywhere but before LF.
 */
export class Head {
  bytes: Buffer = NOTHING;
  problem: Problem = PROBLEMS.requestLine;
  start = 0;
  /** Where the first line has ended, and the headers begin. */
  fieldsStart = 0;
  methodEnd = 0;
  targetEnd = 0;
  /** 1 of HTTP/1.1, 0 of HTTP/1.0. */
  minor = 1;
  code = 0;
  /** Of headers. */
  count = 0;
  /** Behind the empty line. */
  end = 0;
  readonly #headersMax: number;
  readonly #rows: Int32Array;

  constructor({ headersMax }: HeadLimits) {
    this.#headersMax = headersMax;
    this.#rows = new Int32Array(ROW * (headersMax + 1));
  }

  /**
   * Reads a request from `from` on. Answers with where it ends, `INCOMPLETE` or `BAD`.
   *
   * HOT: runs for every request. No allocation, closure, exception or await.
   */
  readRequest(bytes: Buffer, from: number, to: number): number {
    this.bytes = bytes;
    this.start = from;
    let at = from;
    while (at < to && TOKEN[bytes[at] as number] === 1) at += 1;
    if (at === to) return INCOMPLETE;
    if (at === from || bytes[at] !== SP) return this.#bad(PROBLEMS.requestLine);
    this.methodEnd = at;
    at += 1;
    const target = at;
    while (at < to && TARGET[bytes[at] as number] === 1) at += 1;
    if (at === to) return INCOMPLETE;
    if (bytes[at] !== SP) return this.#bad(PROBLEMS.target);
    if (at === target) return this.#bad(PROBLEMS.requestLine);
    this.targetEnd = at;
    const next = this.#readVersion(bytes, at + 1, to);
    if (next < 0) return next;
    if (next + 1 >= to) return INCOMPLETE;
    if (bytes[next] !== CR || bytes[next + 1] !== LF) return this.#bad(PROBLEMS.requestLine);
    return this.readFields(bytes, next + 2, to);
  }

  /**
   * Reads the head of an answer; all as above.
   *
   * HOT: as above.
   */
  readAnswer(bytes: Buffer, from: number, to: number): number {
    this.bytes = bytes;
    this.start = from;
    let at = this.#readVersion(bytes, from, to);
    if (at < 0) return at === BAD ? this.#bad(PROBLEMS.statusLine) : at;
    if (at + 4 >= to) return INCOMPLETE;
    if (bytes[at] !== SP) return this.#bad(PROBLEMS.statusLine);
    let code = 0;
    for (let digit = at + 1; digit < at + 4; digit += 1) {
      const byte = bytes[digit] as number;
      if (byte < ZERO || byte > NINE) return this.#bad(PROBLEMS.statusLine);
      code = code * 10 + byte - ZERO;
    }
    if (code < 100) return this.#bad(PROBLEMS.statusLine);
    this.code = code;
    this.methodEnd = at;
    at += 4;
    // The space in front of a reason may be missing with it, which many get wrong.
    if (bytes[at] !== SP && bytes[at] !== CR) return this.#bad(PROBLEMS.statusLine);
    while (at < to && FIELD[bytes[at] as number] === 1) at += 1;
    if (at + 1 >= to) return INCOMPLETE;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return this.#bad(PROBLEMS.statusLine);
    this.targetEnd = at;
    return this.readFields(bytes, at + 2, to);
  }

  /**
   * Reads header lines up to the empty one: those of a head, or trailers.
   *
   * HOT: as above.
   */
  readFields(bytes: Buffer, from: number, to: number): number {
    const rows = this.#rows;
    const most = this.#headersMax;
    this.bytes = bytes;
    this.fieldsStart = from;
    this.count = 0;
    let at = from;
    while (at < to) {
      const first = bytes[at] as number;
      if (first === CR) return this.#readEnd(bytes, at, to);
      if (first === SP || first === HT) return this.#bad(PROBLEMS.fold);
      if (this.count === most) return this.#bad(PROBLEMS.tooMany);
      const name = at;
      while (at < to && TOKEN[bytes[at] as number] === 1) at += 1;
      if (at === to) return INCOMPLETE;
      if (bytes[at] !== COLON || at === name) return this.#badName(bytes[at] as number);
      const nameEnd = at;
      at += 1;
      while (at < to && (bytes[at] === SP || bytes[at] === HT)) at += 1;
      const value = at;
      while (at < to && FIELD[bytes[at] as number] === 1) at += 1;
      if (at + 1 >= to && (at === to || bytes[at] === CR)) return INCOMPLETE;
      if (bytes[at] !== CR || bytes[at + 1] !== LF) return this.#badValue(bytes[at] as number);
      let valueEnd = at;
      while (valueEnd > value && isBlank(bytes[valueEnd - 1] as number)) valueEnd -= 1;
      const row = this.count * ROW;
      rows[row] = fieldOf(bytes, name, nameEnd);
      rows[row + 1] = name;
      rows[row + 2] = nameEnd;
      rows[row + 3] = value;
      rows[row + 4] = valueEnd;
      this.count += 1;
      at += 2;
    }
    return INCOMPLETE;
  }

  field(index: number): number {
    return this.#rows[index * ROW] as number;
  }

  nameStart(index: number): number {
    return this.#rows[index * ROW + 1] as number;
  }

  nameEnd(index: number): number {
    return this.#rows[index * ROW + 2] as number;
  }

  valueStart(index: number): number {
    return this.#rows[index * ROW + 3] as number;
  }

  valueEnd(index: number): number {
    return this.#rows[index * ROW + 4] as number;
  }

  /** Where the line of the next header begins, or the empty line. */
  lineEnd(index: number): number {
    return index + 1 < this.count ? this.nameStart(index + 1) : this.end - 2;
  }

  text(from: number, to: number): string {
    return textOf(this.bytes, from, to);
  }

  name(index: number): string {
    return this.text(this.nameStart(index), this.nameEnd(index));
  }

  value(index: number): string {
    return this.text(this.valueStart(index), this.valueEnd(index));
  }

  /** The last value of one of the headers that we know, as it was sent. */
  valueOf(field: number): string | undefined {
    for (let at = this.count - 1; at >= 0; at -= 1) {
      if (this.field(at) === field) return this.value(at);
    }
    return undefined;
  }

  /** All headers as a flat list of names and values. */
  rawHeaders(): string[] {
    const flat: string[] = [];
    for (let at = 0; at < this.count; at += 1) flat.push(this.name(at), this.value(at));
    return flat;
  }

  /** "HTTP/1.1" or "HTTP/1.0"; answers with where it ends. */
  #readVersion(bytes: Buffer, from: number, to: number): number {
    if (from >= to) return INCOMPLETE;
    if (bytes[from] !== H) return this.#bad(PROBLEMS.requestLine);
    if (from + 8 > to) return INCOMPLETE;
    // "TTP/": four bytes at once would need them in line, so one by one.
    const isHttp =
      bytes[from + 1] === 84 &&
      bytes[from + 2] === 84 &&
      bytes[from + 3] === 80 &&
      bytes[from + 4] === 47 &&
      bytes[from + 6] === 46;
    if (!isHttp) return this.#bad(PROBLEMS.requestLine);
    const minor = (bytes[from + 7] as number) - ZERO;
    if (bytes[from + 5] !== 49 || minor < 0 || minor > 1) return this.#bad(PROBLEMS.version);
    this.minor = minor;
    return from + 8;
  }

  #readEnd(bytes: Buffer, at: number, to: number): number {
    if (at + 1 >= to) return INCOMPLETE;
    if (bytes[at + 1] !== LF) return this.#bad(PROBLEMS.name);
    this.end = at + 2;
    return this.end;
  }

  #badName(byte: number): number {
    return this.#bad(byte === LF ? PROBLEMS.bareLineFeed : PROBLEMS.name);
  }

  #badValue(byte: number): number {
    return this.#bad(byte === LF ? PROBLEMS.bareLineFeed : PROBLEMS.value);
  }

  #bad(problem: Problem): number {
    this.problem = problem;
    return BAD;
  }
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === HT;
}
