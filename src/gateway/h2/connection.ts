import type { Socket } from "node:net";
import { PROBLEMS } from "../../base/h1/problem.ts";
import { Seen } from "../h1/asking.ts";
import { readInto } from "../h1/read_into.ts";
import { LIMITS } from "../limits.ts";
import type { Refusal } from "../refusal.ts";
import { isRefusal } from "../request.ts";
import * as Code from "./codes.ts";
import { Defences } from "./defences.ts";
import { FrameReader } from "./frame_reader.ts";
import { HeadWriter } from "./head_writer.ts";
import { Intake, type IntakeHost, type NewHead } from "./intake.ts";
import { Output } from "./output.ts";
import { MALFORMED, readRequestHead } from "./request_head.ts";
import { Stream } from "./stream.ts";
import { StreamCaller } from "./stream_caller.ts";
import { StreamIds } from "./stream_ids.ts";
import type { StreamParts } from "./stream_parts.ts";
import { Vigil } from "./vigil.ts";

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly isTls: boolean;
  /** What was read of it already. */
  readonly first: Buffer;
  readonly closed: (connection: Connection) => void;
}

/** A GOAWAY with this says only that the end is near: what is on its way still counts. */
const LAST_STREAM = Code.WINDOW_LIMIT;
const MEGABYTE = 1024 * 1024;
const NO_STREAM = 0;
const NO_LENGTH = -1;

/** One connection of a client of HTTP/2, and its streams (RFC 9113). */
export class Connection implements IntakeHost {
  isOver = false;
  window = Code.WINDOW_BYTES;
  keptBytes = 0;
  room: number = LIMITS.h2SessionWindowBytes;
  readonly streams = new Map<number, Stream>();
  readonly ids = new StreamIds();
  readonly defences: Defences;
  readonly output: Output;
  readonly writer: HeadWriter;
  readonly #parts: StreamParts;
  readonly #socket: Socket;
  readonly #seen: Seen;
  readonly #vigil: Vigil;
  readonly #intake = new Intake(this);
  readonly #reader = new FrameReader(this.#intake);
  /** Streams that have something to send, in the order in which they may. */
  #line: Stream[] = [];
  /** Streams to which something has come in this read: most often one. */
  #reading: Stream[] = [];
  /** What the client may be allowed to send anew. */
  #taken = 0;
  /** Nothing new is begun: the client knows of the last that was. */
  #isLeaving = false;
  #requests = 0;

  constructor(parts: StreamParts, { socket, isTls, first, closed }: ConnectionOptions) {
    const { clock, counts, buffers } = parts;
    this.#parts = parts;
    this.#socket = socket;
    this.#seen = new Seen(socket.remoteAddress ?? "unknown", isTls);
    this.output = new Output(socket, parts, () => this.#full());
    this.writer = new HeadWriter(this.output, parts);
    this.defences = new Defences({
      ...{ clock, counts },
      close: () => this.failed(Code.ENHANCE_YOUR_CALM),
    });
    this.#vigil = new Vigil({
      clock,
      late: () => this.failed(Code.NO_ERROR),
      stuck: () => socket.destroy(),
    });
    const take = (length: number, bytes: Uint8Array) => this.#read(bytes as Buffer, length);
    readInto(socket, () => buffers.shared, take);
    socket.on("drain", () => this.#drained());
    socket.on("end", () => (this.streams.size > 0 ? socket.destroy() : socket.destroySoon()));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#stop();
      this.#vigil.end();
      closed(this);
    });
    this.#greet();
    if (first.length > 0) this.#read(first, first.length);
  }

  /** Says that the end is near. What comes until the client knows of it is served. */
  warn(): void {
    if (!this.isOver) this.output.goAway(LAST_STREAM, Code.NO_ERROR);
  }

  /** Serves what was begun, and no more. */
  leave(): void {
    if (this.isOver || this.#isLeaving) return;
    this.#isLeaving = true;
    if (this.streams.size === 0) this.failed(Code.NO_ERROR);
    else this.output.goAway(this.ids.last, Code.NO_ERROR);
  }

  peerLeaves(): void {
    this.leave();
  }

  opened(head: NewHead): void {
    const { id, isCircular } = head;
    const isFull = this.streams.size >= LIMITS.h2StreamsMax;
    const isHeavy = this.keptBytes > LIMITS.h2SessionMegabytesMax * MEGABYTE;
    this.ids.open(id);
    if (isCircular) this.#turnAway(id, Code.PROTOCOL_ERROR);
    else if (isFull || isHeavy || this.#isLeaving) this.#turnAway(id, Code.REFUSED_STREAM);
    else this.#begin(head);
  }

  widened(bytes: number): void {
    this.window += bytes;
    if (this.window > Code.WINDOW_LIMIT) this.failed(Code.FLOW_CONTROL_ERROR);
  }

  widenedEach(bytes: number): void {
    for (const stream of this.streams.values()) {
      if (!stream.widen(bytes)) this.failed(Code.FLOW_CONTROL_ERROR);
    }
  }

  /** The client is told, and everything ends. */
  failed(code: number): void {
    if (this.isOver) return;
    this.output.goAway(this.ids.last, code);
    this.output.flush();
    this.#stop();
    this.#vigil.full();
    // What is not read would undo what was said, so it is read for a moment, and dropped.
    this.#socket.end(() => this.#vigil.farewell());
    this.#socket.resume();
  }

  consumed(bytes: number): void {
    this.#taken += bytes;
    if (this.isOver || this.#taken * 2 < LIMITS.h2SessionWindowBytes) return;
    this.output.widen(NO_STREAM, this.#taken);
    this.room += this.#taken;
    this.#taken = 0;
  }

  wait(stream: Stream): void {
    if (stream.isWaiting) return;
    stream.isWaiting = true;
    this.#line.push(stream);
  }

  readBy(stream: Stream): void {
    if (this.#reading.at(-1) !== stream) this.#reading.push(stream);
  }

  broken(stream: Stream, code: number): void {
    stream.reset(code);
    this.defences.invalidFrame();
  }

  closed(stream: Stream, isReset: boolean): void {
    this.streams.delete(stream.id);
    if (isReset) this.ids.reset(stream.id);
    if (this.isOver || this.streams.size > 0) return;
    if (this.#isLeaving) this.failed(Code.NO_ERROR);
    else this.#vigil.rest();
  }

  after(ms: number, act: () => void): void {
    this.#parts.clock.after(ms, act);
  }

  #greet(): void {
    this.output.settings([
      [Code.MAX_CONCURRENT_STREAMS, LIMITS.h2StreamsMax],
      [Code.INITIAL_WINDOW_SIZE, LIMITS.h2WindowBytes],
      [Code.MAX_HEADER_LIST_SIZE, LIMITS.headBytesMax],
    ]);
    const more = LIMITS.h2SessionWindowBytes - Code.WINDOW_BYTES;
    if (more > 0) this.output.widen(NO_STREAM, more);
  }

  #read(bytes: Buffer, length: number): void {
    if (this.isOver) return;
    this.#reader.read(bytes, 0, length);
    if (this.#reading.length > 0) this.#settle();
    if (this.isOver) return;
    this.#pump();
    const isWithin = this.#reader.isWithin || this.#intake.isWithin;
    this.#vigil.heard(isWithin, this.streams.size === 0);
  }

  #settle(): void {
    const reading = this.#reading;
    this.#reading = [];
    for (const stream of reading) stream.readEnded();
  }

  #begin({ id, fields, isEnded, isTooLarge }: NewHead): void {
    const seen = this.#seen;
    const tooLong: Refusal = PROBLEMS.tooLong;
    const read = isTooLarge ? tooLong : readRequestHead(fields, !isEnded, seen);
    if (read === MALFORMED) {
      this.#turnAway(id, Code.PROTOCOL_ERROR);
      return;
    }
    const isBad = isRefusal(read);
    const length = isBad || read.isChunked ? NO_LENGTH : read.bodyLength;
    const { window } = this.#intake.settings;
    const stream = new Stream(this, { id, window, length, isEnded });
    this.streams.set(id, stream);
    const caller = new StreamCaller(this.#parts, { stream, fields, seen });
    if (isBad) caller.refused(read);
    else caller.begin(read);
    this.#requests += 1;
    if (this.#requests >= LIMITS.requestsPerConnectionMax) this.leave();
  }

  /** A stream that is not begun. */
  #turnAway(id: number, code: number): void {
    this.output.reset(id, code);
    this.ids.reset(id);
    if (code === Code.REFUSED_STREAM) this.defences.refusedStream();
    else this.defences.invalidFrame();
  }

  /** Those who wait send in turn, a frame each, as long as there is room. */
  #pump(): void {
    const line = this.#line;
    if (line.length === 0) return;
    let at = 0;
    for (; at < line.length && this.window > 0 && !this.output.isFull; at += 1) {
      const stream = line[at] as Stream;
      if (stream.pump()) line.push(stream);
      else stream.isWaiting = false;
    }
    if (!this.isOver) this.#line = line.slice(at);
  }

  #full(): void {
    this.#vigil.full();
    if (this.output.isOverfull) this.#socket.destroy();
  }

  #drained(): void {
    this.output.isFull = false;
    this.#vigil.drained();
    this.#pump();
  }

  #stop(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const stream of [...this.streams.values()]) stream.gone();
    this.#line = [];
  }
}
