import type { Socket } from "node:net";
import { type Attendant, connectTo } from "../attendant.ts";
import type { Endpoint } from "../backend.ts";
import type { Outgoing } from "../caller.ts";
import type { ReadBuffers } from "../h1/read_buffers.ts";
import { LIMITS } from "../limits.ts";
import * as Code from "./codes.ts";
import type { Patience } from "./defences.ts";
import { Flow } from "./flow.ts";
import { FrameReader } from "./frame_reader.ts";
import { type HeadParts, HeadWriter } from "./head_writer.ts";
import { Intake, type IntakeHost, type NewHead } from "./intake.ts";
import { Output, type OutputParts } from "./output.ts";
import { Stream, type StreamUser } from "./stream.ts";
import { StreamIds } from "./stream_ids.ts";
import { PREFACE } from "./upgrade.ts";

/** What all sessions with instances of a worker have in common. */
export interface SessionParts extends HeadParts, OutputParts {
  readonly buffers: ReadBuffers;
}

/** Who acts on a stream that we have begun. */
export interface SessionUser extends StreamUser {
  /** A head: ahead of the answer, of it, or behind its body. */
  head(head: NewHead): void;
  connected(): void;
  /** Why it is about to be closed: by the instance, with this code, or with its connection. */
  failing(code: number | undefined, error: Error | undefined): void;
}

export interface SessionOptions {
  readonly endpoint: Endpoint;
  /** It takes no more requests. */
  readonly left: (session: Session) => void;
  /** A stream of it is closed. */
  readonly freed: (session: Session) => void;
}

const NO_STREAM = 0;
/** Numbers of streams end there. */
const ID_MAX = 2 ** 31 - 1;

/** One connection to an instance of HTTP/2, by prior knowledge, and the requests on it. */
export class Session implements Attendant, IntakeHost {
  isOver = false;
  isConnected = false;
  readonly streams = new Map<number, Stream>();
  readonly ids = new StreamIds();
  readonly output: Output;
  readonly flow: Flow;
  readonly writer: HeadWriter;
  readonly defences: Patience;
  /** When its last stream was closed, on the clock of who keeps it. */
  usedAt = 0;
  isTimed = false;
  readonly #options: SessionOptions;
  readonly #buffers: ReadBuffers;
  readonly #socket: Socket;
  readonly #users = new Map<number, SessionUser>();
  readonly #intake = new Intake(this);
  readonly #reader = new FrameReader(this.#intake, Buffer.alloc(0));
  #isLeaving = false;
  #error: Error | undefined;

  constructor(parts: SessionParts, options: SessionOptions) {
    this.#options = options;
    this.#buffers = parts.buffers;
    const { host, port } = options.endpoint;
    const socket = connectTo({ host, port }, this);
    this.#socket = socket;
    this.output = new Output(socket, parts, () => this.#full());
    this.flow = new Flow(this.output);
    this.writer = new HeadWriter(this.output, parts);
    this.defences = patienceOf(() => this.failed(Code.ENHANCE_YOUR_CALM));
    this.#greet(socket);
  }

  get hasRoom(): boolean {
    if (this.isOver || this.#isLeaving) return false;
    const { streams } = this.#intake.settings;
    return this.streams.size < Math.min(streams, LIMITS.h2InstanceStreamsMax);
  }

  readBuffer(): Uint8Array {
    return this.#buffers.shared;
  }

  socketRead(bytes: Uint8Array, length: number): void {
    if (this.isOver) return;
    this.#reader.read(bytes as Buffer, 0, length);
    this.flow.readEnded();
    if (!this.isOver) this.flow.pump();
  }

  socketConnected(): void {
    this.isConnected = true;
    for (const user of [...this.#users.values()]) user.connected();
  }

  socketDrained(): void {
    this.output.isFull = false;
    this.flow.pump();
  }

  socketEnded(): void {
    this.#socket.destroy();
  }

  socketFailed(error: Error): void {
    this.#error ??= error;
  }

  socketClosed(): void {
    this.#stop();
  }

  /** Sends a request, and tells `user` what becomes of it. */
  open(outgoing: Outgoing, user: SessionUser): Stream {
    const id = this.ids.last === 0 ? 1 : this.ids.last + 2;
    const { window } = this.#intake.settings;
    const stream = new Stream(this, { id, window, length: -1, isEnded: false });
    stream.user = user;
    this.ids.open(id);
    this.streams.set(id, stream);
    this.#users.set(id, user);
    stream.asked(outgoing);
    if (id + 2 > ID_MAX) this.leave();
    return stream;
  }

  /** Takes no more; closes when the last request is done. */
  leave(): void {
    if (this.#isLeaving || this.isOver) return;
    this.#isLeaving = true;
    this.#options.left(this);
    if (this.streams.size === 0) this.failed(Code.NO_ERROR);
  }

  opened(): void {
    this.failed(Code.PROTOCOL_ERROR);
  }

  head(stream: Stream, head: NewHead): void {
    this.flow.readBy(stream);
    this.#users.get(stream.id)?.head(head);
  }

  takenBack(stream: Stream, code: number): void {
    this.#users.get(stream.id)?.failing(code, undefined);
    stream.gone();
  }

  /** What is behind the last was not looked at, and may be sent elsewhere. */
  peerLeaves(last: number): void {
    this.leave();
    for (const stream of [...this.streams.values()]) {
      if (stream.id > last) this.takenBack(stream, Code.REFUSED_STREAM);
    }
  }

  failed(code: number): void {
    if (this.isOver) return;
    if (code !== Code.NO_ERROR) this.#error ??= new Error(`it sent what is no HTTP/2 (${code})`);
    this.output.goAway(NO_STREAM, code);
    this.output.flush();
    this.#socket.destroySoon();
    this.#stop();
  }

  broken(stream: Stream, code: number): void {
    const error = new Error(`it sent what is no HTTP/2 (${code})`);
    this.#users.get(stream.id)?.failing(undefined, error);
    stream.reset(code);
  }

  closed(stream: Stream, isReset: boolean): void {
    this.streams.delete(stream.id);
    this.#users.delete(stream.id);
    if (isReset) this.ids.reset(stream.id);
    this.#options.freed(this);
    if (this.#isLeaving && this.streams.size === 0) this.failed(Code.NO_ERROR);
  }

  outlasted(): void {
    // The answer is what we wait for.
  }

  #greet(socket: Socket): void {
    socket.write(PREFACE);
    this.output.settings([
      [Code.ENABLE_PUSH, 0],
      [Code.INITIAL_WINDOW_SIZE, LIMITS.h2WindowBytes],
      [Code.MAX_HEADER_LIST_SIZE, LIMITS.headBytesMax],
    ]);
    this.flow.greet();
  }

  #full(): void {
    if (this.output.isOverfull) this.#socket.destroy();
  }

  #stop(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.flow.end();
    if (!this.#isLeaving) this.#options.left(this);
    for (const stream of [...this.streams.values()]) {
      this.#users.get(stream.id)?.failing(undefined, this.#error);
      stream.gone();
    }
  }
}

/** Instances are ours, and may be as lively as they like, but for what nothing can hold. */
function patienceOf(attacked: () => void): Patience {
  const fine = () => {};
  const lively = { ping: fine, settings: fine, idleFrame: fine };
  return { ...lively, invalidFrame: fine, refusedStream: fine, attacked };
}
