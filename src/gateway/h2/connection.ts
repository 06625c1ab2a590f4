import type { Socket } from "node:net";
import { PROBLEMS } from "../../base/h1/problem.ts";
import { type Attendant, attend } from "../attendant.ts";
import { Seen } from "../h1/asking.ts";
import { LIMITS } from "../limits.ts";
import type { Refusal } from "../refusal.ts";
import { isRefusal } from "../request.ts";
import * as Code from "./codes.ts";
import { Defences } from "./defences.ts";
import { Flow } from "./flow.ts";
import { FrameReader } from "./frame_reader.ts";
import { HeadWriter } from "./head_writer.ts";
import { Intake, type IntakeHost, type NewHead, takeTrailers } from "./intake.ts";
import { Output } from "./output.ts";
import { MALFORMED, readRequestHead } from "./request_head.ts";
import { Stream } from "./stream.ts";
import { StreamCaller } from "./stream_caller.ts";
import { StreamIds } from "./stream_ids.ts";
import type { StreamParts } from "./stream_parts.ts";
import { PREFACE } from "./upgrade.ts";
import { Vigil } from "./vigil.ts";

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly isTls: boolean;
  /** What was read of it already. */
  readonly first: Buffer;
}

/** A GOAWAY with this says only that the end is near: what is on its way still counts. */
const LAST_STREAM = Code.WINDOW_LIMIT;
const MEGABYTE = 1024 * 1024;
/** Has the client send what it has on its way, before it is told to stop. */
const HANG_UP_MS = 250;
const NO_LENGTH = -1;

/** One connection of a client of HTTP/2, and its streams (RFC 9113). */
export class Connection implements Attendant, IntakeHost {
  isOver = false;
  readonly streams = new Map<number, Stream>();
  readonly ids = new StreamIds();
  readonly defences: Defences;
  readonly output: Output;
  readonly flow: Flow;
  readonly writer: HeadWriter;
  readonly #parts: StreamParts;
  readonly #socket: Socket;
  readonly #seen: Seen;
  readonly #vigil: Vigil;
  readonly #intake = new Intake(this);
  readonly #reader = new FrameReader(this.#intake, PREFACE);
  /** Nothing new is begun: the client knows of the last that was. */
  #isLeaving = false;
  #requests = 0;

  constructor(parts: StreamParts, { socket, isTls, first }: ConnectionOptions) {
    const { clock, counts, deadlines } = parts;
    this.#parts = parts;
    this.#socket = socket;
    this.#seen = new Seen(socket.remoteAddress ?? "unknown", isTls);
    this.output = new Output(socket, parts, () => this.#full());
    this.flow = new Flow(this.output);
    this.writer = new HeadWriter(this.output, parts);
    this.defences = new Defences({
      ...{ clock, counts },
      close: () => this.failed(Code.ENHANCE_YOUR_CALM),
    });
    this.#vigil = new Vigil({
      deadlines,
      late: () => this.failed(Code.NO_ERROR),
      stuck: () => socket.destroy(),
    });
    attend(socket, this);
    this.#greet();
    if (first.length > 0) this.socketRead(first, first.length);
  }

  readBuffer(): Uint8Array {
    return this.#parts.buffers.shared;
  }

  socketRead(bytes: Uint8Array, length: number): void {
    if (this.isOver) return;
    this.#reader.read(bytes as Buffer, 0, length);
    this.flow.readEnded();
    if (this.isOver) return;
    this.flow.pump();
    const isWithin = this.#reader.isWithin || this.#intake.isWithin;
    this.#vigil.heard(isWithin, this.streams.size === 0);
  }

  socketDrained(): void {
    this.output.isFull = false;
    this.#vigil.drained();
    this.flow.pump();
  }

  socketClosed(): void {
    this.#stop();
    this.#vigil.end();
    this.#parts.closed(this);
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

  destroy(): void {
    this.#socket.destroy();
  }

  /** More of a stream that is open: what follows its body. */
  head(stream: Stream, head: NewHead): void {
    takeTrailers(this, stream, head);
  }

  takenBack(stream: Stream): void {
    const isAnswered = stream.isAnswered;
    stream.gone();
    if (!isAnswered) this.defences.reset();
  }

  peerLeaves(): void {
    this.leave();
  }

  opened(head: NewHead): void {
    const { id, isCircular } = head;
    const isFull = this.streams.size >= LIMITS.h2StreamsMax;
    const isHeavy = this.flow.keptBytes > LIMITS.h2SessionMegabytesMax * MEGABYTE;
    this.ids.open(id);
    if (isCircular) this.#turnAway(id, Code.PROTOCOL_ERROR);
    else if (isFull || isHeavy || this.#isLeaving) this.#turnAway(id, Code.REFUSED_STREAM);
    else this.#begin(head);
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

  /** What the client still sends of the request is not wanted (RFC 9113, 8.1). */
  outlasted(stream: Stream): void {
    this.#parts.clock.after(HANG_UP_MS, () => stream.reset(Code.NO_ERROR));
  }

  #greet(): void {
    this.output.settings([
      [Code.MAX_CONCURRENT_STREAMS, LIMITS.h2StreamsMax],
      [Code.INITIAL_WINDOW_SIZE, LIMITS.h2WindowBytes],
      [Code.MAX_HEADER_LIST_SIZE, LIMITS.headBytesMax],
    ]);
    this.flow.greet();
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
    if (isBad) caller.turnAway(read);
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

  #full(): void {
    this.#vigil.full();
    if (this.output.isOverfull) this.#socket.destroy();
  }

  #stop(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const stream of [...this.streams.values()]) stream.gone();
    this.flow.end();
  }
}
