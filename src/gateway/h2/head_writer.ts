import { type Clock, dateOf } from "../../base/clock.ts";
import type { Facts } from "../../base/h1/facts.ts";
import * as Field from "../../base/h1/fields.ts";
import type { Head } from "../../base/h1/head.ts";
import type { Outgoing } from "../caller.ts";
import type { H1Answer } from "../h1/channel.ts";
import { dropsOf, isNamedAway } from "../h1/compose.ts";
import { linesOf } from "../h1/coursing.ts";
import { LIMITS } from "../limits.ts";
import { Encoder, encodedBytesMax } from "./encoder.ts";
import type { Output } from "./output.ts";

/** Fields of an answer that go no further. What names trailers passes where some may follow. */
const OPEN = dropsOf(
  ...[Field.HOST, Field.CONNECTION, Field.UPGRADE, Field.TE, Field.HOP],
  ...[Field.TRANSFER_ENCODING, Field.REVISION],
);
const WHOLE = OPEN.with(Field.TRAILER, 1);
const EMPTY = WHOLE.with(Field.CONTENT_LENGTH, 1);

/** Beside what an answer has: its status, a date, the revision. */
const OUR_FIELDS = 3;
const OUR_BYTES = 64;
const DATE = "date";
const REVISION = "varve-revision";
const REVISIONS_MAX = 1_000;

/** As many as may come of either protocol, and what policies and we add to that. */
export const HEADS_OF_LISTS = {
  get headersMax(): number {
    return LIMITS.headersMax + LIMITS.h2FieldsMax;
  },
};

/** Fields that are ours, as bytes that are made once: the name, and right behind it the value. */
export class OwnFields {
  readonly #clock: Clock;
  readonly #revisions = new Map<string, Buffer>();
  #second = -1;
  #date: Buffer = Buffer.from(DATE);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get date(): Buffer {
    const now = this.#clock.now();
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = Buffer.from(DATE + dateOf(now).toUTCString(), "latin1");
    }
    return this.#date;
  }

  revision(name: string): Buffer {
    const known = this.#revisions.get(name);
    if (known !== undefined) return known;
    if (this.#revisions.size >= REVISIONS_MAX) this.#revisions.clear();
    const bytes = Buffer.from(REVISION + name, "latin1");
    this.#revisions.set(name, bytes);
    return bytes;
  }
}

/** What the connections of a worker use in turn. */
export interface HeadParts {
  readonly own: OwnFields;
  /** For lists that are made into bytes. */
  readonly rows: Head;
}

/** Writes the heads of one connection, by what all before them have left in its table. */
export class HeadWriter {
  readonly #output: Output;
  readonly #parts: HeadParts;
  readonly #encoder = new Encoder();

  constructor(output: Output, parts: HeadParts) {
    this.#output = output;
    this.#parts = parts;
  }

  /** The client keeps so much of what it was sent. */
  allow(tableBytes: number): void {
    this.#encoder.allow(tableBytes);
  }

  /**
   * The head of an answer as it came; answers with its place.
   *
   * HOT: runs for every answer. No allocation, exception or await.
   */
  answer(stream: number, { head, facts }: H1Answer, revision: string, isLast: boolean): number {
    const encoder = this.#encoder;
    const isEmpty = head.code === 204 || head.code === 205;
    const drops = isEmpty ? EMPTY : facts.length < 0 ? OPEN : WHOLE;
    const bytes = head.end - head.fieldsStart + OUR_BYTES + revision.length;
    this.#begin(bytes, head.count);
    encoder.status(head.code);
    this.#fields(head, facts, drops);
    if (!facts.hasDate) this.#ours(this.#parts.own.date, DATE.length);
    this.#ours(this.#parts.own.revision(revision), REVISION.length);
    return this.#output.headers(stream, encoder.at, isLast);
  }

  /** A request, of the lines that it has for an instance of HTTP/1.1. Answers with its place. */
  request(stream: number, outgoing: Outgoing): number {
    const { method, target, authority, hasBody } = outgoing;
    const { rows } = this.#parts;
    const text = Buffer.from(outgoing.text, "latin1");
    rows.readRequest(text, 0, text.length);
    this.#begin(text.length + OUR_BYTES, rows.count + OUR_FIELDS);
    this.#pair(":method", method);
    this.#pair(":scheme", "http");
    this.#pair(":authority", authority);
    this.#pair(":path", target);
    this.#rows(rows);
    if (rows.valueOf(Field.TE) !== undefined) this.#pair("te", "trailers");
    return this.#output.headers(stream, this.#encoder.at, !hasBody);
  }

  /** An answer ahead of the answer. */
  information(stream: number, { head, facts }: H1Answer): void {
    this.#begin(head.end - head.fieldsStart, head.count);
    this.#encoder.status(head.code);
    this.#fields(head, facts, EMPTY);
    this.#output.headers(stream, this.#encoder.at, false);
  }

  goOn(stream: number): void {
    this.#begin(0, 0);
    this.#encoder.status(100);
    this.#output.headers(stream, this.#encoder.at, false);
  }

  /** One that policies have changed, or of our own, as a flat list. Answers with its place. */
  listed(stream: number, code: number, headers: readonly string[], isLast: boolean): number {
    const rows = this.#rowsOf(headers);
    this.#begin(rows.end + OUR_BYTES, rows.count);
    this.#encoder.status(code);
    this.#rows(rows);
    if (rows.valueOf(Field.DATE) === undefined) this.#ours(this.#parts.own.date, DATE.length);
    return this.#output.headers(stream, this.#encoder.at, isLast);
  }

  /** What follows a body, and ends the stream. */
  trailers(stream: number, trailers: readonly string[]): void {
    const rows = this.#rowsOf(trailers);
    this.#begin(rows.end, rows.count);
    this.#rows(rows);
    this.#output.headers(stream, this.#encoder.at, true);
  }

  #begin(bytes: number, fields: number): void {
    const room = this.#output.room(encodedBytesMax(bytes, fields + OUR_FIELDS));
    this.#encoder.begin(room, this.#output.blockAt);
  }

  #fields(head: Head, facts: Facts, drops: Uint8Array): void {
    const encoder = this.#encoder;
    const { bytes, count } = head;
    for (let at = 0; at < count; at += 1) {
      const field = head.field(at);
      if (drops[field] === 1 || (facts.hasNamed && isNamedAway(head, at, field))) continue;
      const [name, value] = [head.nameStart(at), head.valueStart(at)];
      encoder.field(bytes, name, head.nameEnd(at), value, head.valueEnd(at));
    }
  }

  #rows(rows: Head): void {
    for (let at = 0; at < rows.count; at += 1) {
      if (OPEN[rows.field(at)] === 1 && rows.field(at) !== Field.REVISION) continue;
      const [name, value] = [rows.nameStart(at), rows.valueStart(at)];
      this.#encoder.field(rows.bytes, name, rows.nameEnd(at), value, rows.valueEnd(at));
    }
  }

  #pair(name: string, value: string): void {
    this.#ours(Buffer.from(name + value, "latin1"), name.length);
  }

  #ours(bytes: Buffer, nameLength: number): void {
    this.#encoder.field(bytes, 0, nameLength, nameLength, bytes.length);
  }

  /** A flat list as bytes and places in them. Where a name is none, it ends in front of that. */
  #rowsOf(flat: readonly string[]): Head {
    const { rows } = this.#parts;
    const bytes = Buffer.from(`${linesOf([...flat])}\r\n`, "latin1");
    if (rows.readFields(bytes, 0, bytes.length) < 0) rows.end = bytes.length;
    return rows;
  }
}
