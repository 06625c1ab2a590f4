import { Kept } from "../h1/kept.ts";
import { LIMITS } from "../limits.ts";
import * as Code from "./codes.ts";
import { Decoder } from "./decoder.ts";
import type { Patience } from "./defences.ts";
import type { Field } from "./field.ts";
import { type FrameHead, type FrameSink, uint31At } from "./frame_reader.ts";
import { PeerSettings } from "./peer_settings.ts";
import { readTrailers } from "./request_head.ts";
import type { Stream, StreamHost } from "./stream.ts";
import type { StreamIds } from "./stream_ids.ts";

/** The connection, as what its client says is taken in. */
export interface IntakeHost extends StreamHost {
  readonly isOver: boolean;
  readonly streams: ReadonlyMap<number, Stream>;
  readonly ids: StreamIds;
  readonly defences: Patience;
  /** The head of a new stream, as far as it was read. */
  opened(head: NewHead): void;
  /** The connection ends for this. */
  failed(code: number): void;
  /** Another head in a stream that is open. */
  head(stream: Stream, head: NewHead): void;
  /** The other side has ended a stream, for this. */
  takenBack(stream: Stream, code: number): void;
  /** The other side begins nothing more, and has acted on nothing behind this stream. */
  peerLeaves(last: number): void;
}

export interface NewHead {
  readonly id: number;
  readonly fields: readonly Field[];
  readonly isEnded: boolean;
  /** There was more than there may be. */
  readonly isTooLarge: boolean;
  /** It says that it depends on itself. */
  readonly isCircular: boolean;
}

const NO_STREAM = 0;
const PRIORITY_BYTES = 5;
/** Of one head: no client needs as many. */
const PARTS_MAX = 64;

/** What the frames of one client mean, and which of them may not be (RFC 9113, 5 and 6). */
export class Intake implements FrameSink {
  readonly #host: IntakeHost;
  readonly #decoder = new Decoder();
  readonly settings = new PeerSettings();
  #isGreeted = false;
  /** Where the DATA goes that is being read. */
  #target: Stream | undefined;
  /** A head that is not whole: what has come of it, and in how many frames. */
  #openId = NO_STREAM;
  #isOpenEnded = false;
  #isOpenCircular = false;
  #parts = 0;
  readonly #block = new Kept();

  constructor(host: IntakeHost) {
    this.#host = host;
  }

  get isOver(): boolean {
    return this.#host.isOver;
  }

  /** A head has begun that is not whole. */
  get isWithin(): boolean {
    return this.#openId !== NO_STREAM;
  }

  frame(head: FrameHead, bytes: Buffer, from: number, to: number): void {
    const { type, stream } = head;
    const isOpen = this.#openId !== NO_STREAM;
    const isInTurn = isOpen ? type === Code.CONTINUATION && stream === this.#openId : true;
    const isGreeting = type === Code.SETTINGS && (head.flags & Code.ACK) === 0;
    if (!isInTurn || !(this.#isGreeted || isGreeting)) this.#host.failed(Code.PROTOCOL_ERROR);
    else if (type === Code.HEADERS) this.#headers(head, bytes, from, to);
    else if (type === Code.WINDOW_UPDATE) this.#window(head, bytes, from);
    else if (type === Code.RST_STREAM) this.#reset(head, bytes, from);
    else if (type === Code.CONTINUATION) this.#continuation(head, bytes, from, to);
    else if (type === Code.SETTINGS) this.#takeSettings(head, bytes, from, to);
    else if (type === Code.PING) this.#ping(head, bytes, from);
    else if (type === Code.PRIORITY) this.#priority(head, bytes, from);
    else if (type === Code.GOAWAY) this.#goAway(head, bytes, from);
    else if (type === Code.PUSH_PROMISE) this.#host.failed(Code.PROTOCOL_ERROR);
    // Of other types nothing is known, and nothing asked (4.1).
    else this.#idle();
  }

  dataBegun({ stream: id, length }: FrameHead): void {
    const host = this.#host;
    const stream = host.streams.get(id);
    const past = stream === undefined ? host.ids.pastOf(id) : "open";
    const isOutOfTurn = this.#openId !== NO_STREAM || !this.#isGreeted;
    const isNone = id === NO_STREAM || past === "idle" || past === "skipped";
    this.#target = undefined;
    host.flow.room -= length;
    if (isOutOfTurn || isNone) host.failed(Code.PROTOCOL_ERROR);
    else if (host.flow.room < 0) host.failed(Code.FLOW_CONTROL_ERROR);
    else if (stream !== undefined) {
      const problem = stream.takeFrame(length);
      if (problem !== Code.NO_ERROR) host.broken(stream, problem);
      else this.#target = stream;
    } else if (past === "closed") this.#late(id);
  }

  dataPiece(bytes: Buffer, from: number, to: number): void {
    const stream = this.#target;
    if (stream === undefined || stream.isOver) this.#host.flow.consumed(to - from);
    else stream.take(bytes, from, to);
  }

  dataEnded({ flags, length }: FrameHead, padding: number): void {
    const stream = this.#target;
    this.#target = undefined;
    const isLast = (flags & Code.END_STREAM) !== 0;
    if (length === padding && !isLast) this.#host.defences.invalidFrame();
    if (stream === undefined || stream.isOver) this.#host.flow.consumed(padding);
    else {
      if (padding > 0) stream.takePadding(padding);
      if (isLast) stream.takeEnd([]);
    }
  }

  failed(code: number): void {
    this.#host.failed(code);
  }

  #idle(): void {
    const { defences, output } = this.#host;
    defences.idleFrame(output.bytes);
  }

  /** DATA for a stream that both sides have ended. */
  #late(id: number): void {
    const { output, ids, defences } = this.#host;
    output.reset(id, Code.STREAM_CLOSED);
    ids.reset(id);
    defences.invalidFrame();
  }

  #headers(head: FrameHead, bytes: Buffer, from: number, to: number): void {
    const { flags, stream: id } = head;
    let start = from;
    let end = to;
    if (id % 2 === 0) {
      this.#host.failed(Code.PROTOCOL_ERROR);
      return;
    }
    if ((flags & Code.PADDED) !== 0) {
      start += 1;
      end -= start > to ? 0 : (bytes[from] as number);
    }
    const priorityAt = start;
    if ((flags & Code.HAS_PRIORITY) !== 0) start += PRIORITY_BYTES;
    if (start > end) {
      const isShort = start > to;
      this.#host.failed(isShort ? Code.FRAME_SIZE_ERROR : Code.PROTOCOL_ERROR);
      return;
    }
    const isCircular = start - priorityAt > 0 && uint31At(bytes, priorityAt) === id;
    this.#isOpenEnded = (flags & Code.END_STREAM) !== 0;
    this.#isOpenCircular = isCircular;
    if ((flags & Code.END_HEADERS) !== 0) this.#read(id, bytes, start, end);
    else {
      this.#openId = id;
      this.#parts = 0;
      this.#block.append(bytes.subarray(start, end));
    }
  }

  #continuation({ flags }: FrameHead, bytes: Buffer, from: number, to: number): void {
    const id = this.#openId;
    const block = this.#block;
    if (id === NO_STREAM) {
      this.#host.failed(Code.PROTOCOL_ERROR);
      return;
    }
    block.append(bytes.subarray(from, to));
    this.#parts += 1;
    const bytesMax = LIMITS.headBytesMax + Code.FRAME_BYTES_MAX;
    if (block.length > bytesMax || this.#parts > PARTS_MAX) {
      this.#host.defences.attacked("h2Frames");
      return;
    }
    if ((flags & Code.END_HEADERS) === 0) return;
    this.#openId = NO_STREAM;
    const { bytes: all } = block;
    this.#read(id, all, 0, all.length);
    block.drop(all.length);
  }

  /** A whole head, or trailers. */
  #read(id: number, bytes: Buffer, from: number, to: number): void {
    const host = this.#host;
    const decoder = this.#decoder;
    if (!decoder.read(bytes, from, to)) {
      host.failed(Code.COMPRESSION_ERROR);
      return;
    }
    const fields = decoder.take();
    const { isTooLarge } = decoder;
    const [isEnded, isCircular] = [this.#isOpenEnded, this.#isOpenCircular];
    const head = { id, fields, isEnded, isTooLarge, isCircular };
    const stream = host.streams.get(id);
    if (stream?.isEnded === true) host.broken(stream, Code.STREAM_CLOSED);
    else if (stream !== undefined) host.head(stream, head);
    else if (id > host.ids.last) host.opened(head);
    else {
      const past = host.ids.pastOf(id);
      if (past === "skipped") host.failed(Code.PROTOCOL_ERROR);
      else if (past === "closed") host.failed(Code.STREAM_CLOSED);
    }
  }

  #window({ stream: id, length }: FrameHead, bytes: Buffer, from: number): void {
    const host = this.#host;
    if (length !== 4) {
      host.failed(Code.FRAME_SIZE_ERROR);
      return;
    }
    this.#idle();
    const more = uint31At(bytes, from);
    if (id === NO_STREAM) {
      if (more === 0) host.failed(Code.PROTOCOL_ERROR);
      else if (!host.flow.widen(more)) host.failed(Code.FLOW_CONTROL_ERROR);
      return;
    }
    const stream = host.streams.get(id);
    if (stream !== undefined) {
      if (more === 0) host.broken(stream, Code.PROTOCOL_ERROR);
      else if (!stream.widen(more)) host.broken(stream, Code.FLOW_CONTROL_ERROR);
    } else if (host.ids.pastOf(id) === "idle") host.failed(Code.PROTOCOL_ERROR);
  }

  #reset({ stream: id, length }: FrameHead, bytes: Buffer, from: number): void {
    const host = this.#host;
    const stream = host.streams.get(id);
    if (length !== 4) host.failed(Code.FRAME_SIZE_ERROR);
    else if (stream !== undefined) host.takenBack(stream, bytes.readUInt32BE(from));
    else if (id === NO_STREAM || host.ids.pastOf(id) === "idle") {
      host.failed(Code.PROTOCOL_ERROR);
    } else this.#idle();
  }

  #takeSettings({ flags, stream, length }: FrameHead, bytes: Buffer, from: number, to: number) {
    const host = this.#host;
    const { settings } = this;
    const isAck = (flags & Code.ACK) !== 0;
    if (stream !== NO_STREAM) host.failed(Code.PROTOCOL_ERROR);
    else if (isAck && length > 0) host.failed(Code.FRAME_SIZE_ERROR);
    else if (isAck) this.#idle();
    if (isAck || this.isOver) return;
    this.#isGreeted = true;
    const before = settings.window;
    const problem = settings.read(bytes, from, to);
    if (problem === Code.ENHANCE_YOUR_CALM) host.defences.attacked("h2Settings");
    else if (problem !== Code.NO_ERROR) host.failed(problem);
    else host.defences.settings();
    if (this.isOver) return;
    host.writer.allow(settings.tableBytesLeast);
    host.writer.allow(settings.tableBytes);
    host.output.settingsTaken();
    for (const stream of host.streams.values()) {
      const isRight = settings.window === before || stream.widen(settings.window - before);
      if (!isRight) host.failed(Code.FLOW_CONTROL_ERROR);
    }
  }

  #ping({ flags, stream, length }: FrameHead, bytes: Buffer, from: number): void {
    const host = this.#host;
    if (stream !== NO_STREAM) host.failed(Code.PROTOCOL_ERROR);
    else if (length !== 8) host.failed(Code.FRAME_SIZE_ERROR);
    else {
      // Clients of gRPC send one for what they get, to measure how far away it comes from.
      if (!host.output.hasSaidMore) host.defences.ping();
      if ((flags & Code.ACK) === 0 && !this.isOver) host.output.pong(bytes, from);
    }
  }

  /** Read for its form alone: what it asks for is obsolete (5.3.2). */
  #priority({ stream: id, length }: FrameHead, bytes: Buffer, from: number): void {
    const host = this.#host;
    const stream = host.streams.get(id);
    if (id === NO_STREAM) host.failed(Code.PROTOCOL_ERROR);
    else if (length === PRIORITY_BYTES && uint31At(bytes, from) !== id) this.#idle();
    else {
      const code = length === PRIORITY_BYTES ? Code.PROTOCOL_ERROR : Code.FRAME_SIZE_ERROR;
      if (stream !== undefined) host.broken(stream, code);
      else if (host.ids.pastOf(id) === "idle") host.failed(code);
      else host.defences.invalidFrame();
    }
  }

  #goAway({ stream, length }: FrameHead, bytes: Buffer, from: number): void {
    if (stream !== NO_STREAM) this.#host.failed(Code.PROTOCOL_ERROR);
    else if (length < 8) this.#host.failed(Code.FRAME_SIZE_ERROR);
    else this.#host.peerLeaves(uint31At(bytes, from));
  }
}

/** A head behind a body: the end of what comes in a stream. */
export function takeTrailers(host: IntakeHost, stream: Stream, head: NewHead): void {
  const { fields, isEnded, isTooLarge, isCircular } = head;
  const trailers = readTrailers(fields);
  const bytes = fields.reduce((sum, { size }) => sum + size, 0);
  if (!isEnded || isCircular || trailers === undefined) host.broken(stream, Code.PROTOCOL_ERROR);
  else if (isTooLarge || bytes > LIMITS.trailerBytesMax) {
    host.broken(stream, Code.ENHANCE_YOUR_CALM);
  } else stream.takeEnd(trailers);
}
