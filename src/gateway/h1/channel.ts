import type { Socket } from "node:net";
import { isWord, lowered, wordOf } from "../../base/h1/bytes.ts";
import { Facts } from "../../base/h1/facts.ts";
import { Framing, type Sink } from "../../base/h1/framing.ts";
import { BAD, Head, INCOMPLETE } from "../../base/h1/head.ts";
import { PROBLEMS, type Problem } from "../../base/h1/problem.ts";
import { type Attendant, connectTo } from "../attendant.ts";
import type { Endpoint } from "../backend.ts";
import type { AnswerHead, Carrier, Journey, Outcome, Outgoing, Wire } from "../caller.ts";
import { LIMITS } from "../limits.ts";
import { isLong, ReadBuffer, ReadBuffers } from "./read_buffers.ts";

/** What all channels of a worker use in turn: each is done with it when its turn ends. */
export interface Shared {
  readonly head: Head;
  readonly facts: Facts;
  readonly spare: Head;
  readonly buffers: ReadBuffers;
}

/** Who keeps connections for the next request. */
export interface Keeper {
  readonly shared: Shared;
  /** It may serve another request. */
  keep(channel: Channel): void;
  /** It has ended while nobody used it. */
  forget(channel: Channel): void;
}

/** The head of an answer as the bytes that came, for callers of HTTP/1.1. */
export interface H1Answer extends AnswerHead {
  readonly head: Head;
  readonly facts: Facts;
}

const IDEMPOTENT: ReadonlySet<string> = new Set([
  ...["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"],
]);
const STREAMS = ["text/event-stream", "application/grpc", "application/connect+"].map(wordOf);
const CRLF = "\r\n";

export function makeShared(): Shared {
  return {
    head: new Head(LIMITS),
    facts: new Facts(),
    spare: new Head(LIMITS),
    buffers: new ReadBuffers(),
  };
}

/**
 * One connection to one instance, and the request that it serves: one at a time, and many in turn.
 * Answers are read by the same strict rules as requests.
 */
export class Channel implements Attendant, Carrier, Sink, H1Answer {
  readonly #keeper: Keeper;
  readonly #socket: Socket;
  readonly #framing: Framing;
  #buffer: ReadBuffer | undefined;
  #flowing: (() => void) | undefined;
  #journey: Journey | undefined;
  #outgoing: Outgoing | undefined;
  /** What has come of a head that is not whole. */
  #kept: Buffer | undefined;
  #isConnected = false;
  #isUsed = false;
  #isReused = false;
  /** Something has come back, be it no answer yet. */
  #isHeard = false;
  #isAnswered = false;
  #isBodyTaken = false;
  #isBodySent = false;
  #isPaused = false;
  #isKept = true;
  #informations = 0;
  #tunnel: ((bytes: Buffer) => void) | undefined;
  #error: NodeJS.ErrnoException | undefined;
  /** When it was put aside, in whole milliseconds of the keeper's clock. */
  idleSinceMs = 0;
  /** Where it is kept while it is idle. */
  readonly pool: Channel[];
  readonly endpoint: Endpoint;
  isStream = false;
  bodyBytes = -1;

  constructor(endpoint: Endpoint, pool: Channel[], keeper: Keeper) {
    this.endpoint = endpoint;
    this.pool = pool;
    this.#keeper = keeper;
    this.#framing = new Framing(keeper.shared.spare, LIMITS);
    const { host, port } = endpoint;
    this.#socket = connectTo({ host, port }, this);
  }

  get head(): Head {
    return this.#keeper.shared.head;
  }

  get facts(): Facts {
    return this.#keeper.shared.facts;
  }

  get code(): number {
    return this.head.code;
  }

  rawHeaders(): string[] {
    return this.head.rawHeaders();
  }

  /** Sends the head of a request; its body follows by `send`. */
  start(outgoing: Outgoing, journey: Journey): void {
    this.#isReused = this.#isUsed;
    this.#isUsed = true;
    this.#journey = journey;
    this.#outgoing = outgoing;
    this.#isHeard = false;
    this.#isAnswered = false;
    this.#isBodyTaken = false;
    this.#isBodySent = !outgoing.hasBody;
    this.#informations = 0;
    this.#socket.write(outgoing.text, "latin1");
    if (this.#isConnected) journey.connected();
    else journey.connecting();
  }

  send(bytes: Buffer): boolean {
    this.#isBodyTaken = true;
    const { isChunked } = this.#outgoing as Outgoing;
    const socket = this.#socket;
    this.#flowing ??= () => {
      if (socket.writableLength === 0) this.#journey?.flowing();
    };
    if (!isChunked) socket.write(bytes, this.#flowing);
    else {
      socket.cork();
      socket.write(bytes.length.toString(16) + CRLF, "latin1");
      socket.write(bytes);
      socket.write(CRLF, "latin1", this.#flowing);
      socket.uncork();
    }
    return socket.writableLength === 0;
  }

  sendEnd(trailers: readonly string[]): void {
    this.#isBodySent = true;
    if (this.#outgoing?.isChunked) this.#socket.write(lastChunk(trailers), "latin1");
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#socket.destroy();
  }

  readBuffer(): Buffer {
    return this.#buffer?.next() ?? this.#keeper.shared.buffers.shared;
  }

  socketConnected(): void {
    this.#isConnected = true;
    this.#journey?.connected();
  }

  socketRead(bytes: Uint8Array, length: number): void {
    const journey = this.#journey;
    if (this.#tunnel !== undefined) this.#tunnel(Buffer.from(bytes.subarray(0, length)));
    // Nobody has asked for anything.
    else if (journey === undefined) this.#socket.destroy();
    else {
      this.#feed(bytes as Buffer, length);
      journey.flush();
      if (this.#journey !== undefined && this.#isAnswered) this.#beginLong();
    }
  }

  /** The instance sends no more. */
  socketEnded(): void {
    if (this.#tunnel !== undefined) return;
    if (this.#journey !== undefined && this.#isAnswered && this.#framing.close()) {
      this.#complete(false);
    }
    this.#socket.destroy();
  }

  socketFailed(error: Error): void {
    this.#error ??= error;
  }

  socketClosed(): void {
    if (this.#tunnel !== undefined) return;
    const journey = this.#journey;
    this.#journey = undefined;
    if (journey === undefined) this.#keeper.forget(this);
    else journey.over(this.#outcome(), this.#error);
  }

  /** A long body gets a buffer of its own. */
  #beginLong(): void {
    if (!isLong(this.bodyBytes, this.#framing.bytesRead)) return;
    this.#buffer ??= new ReadBuffer(this.#keeper.shared.buffers);
    this.#buffer.begin();
  }

  #feed(bytes: Buffer, to: number): void {
    let at = 0;
    while (at < to && !this.#socket.destroyed && this.#tunnel === undefined) {
      if (!this.#isAnswered) at = this.#readHead(bytes, at, to);
      else at = this.#framing.feed(bytes, at, to, this);
      if (at === BAD) {
        this.#fail();
        return;
      }
      if (at === INCOMPLETE) return;
      if (this.#isAnswered && this.#framing.isDone) {
        this.#complete(at === to);
        return;
      }
    }
  }

  #fail(): void {
    const { detail } = this.#isAnswered ? this.#framing.problem : this.head.problem;
    this.destroy(new Error(`it sent what is no HTTP/1.1: ${detail}`));
  }

  /** Answers with where the head ends. */
  #readHead(bytes: Buffer, from: number, to: number): number {
    const { head } = this;
    const kept = this.#kept;
    const before = kept?.length ?? 0;
    const all = kept === undefined ? bytes : Buffer.concat([kept, bytes.subarray(from, to)]);
    const start = before === 0 ? from : 0;
    // What was lent is longer than what came.
    const stop = before === 0 ? to : all.length;
    this.#isHeard = true;
    const end = head.readAnswer(all, start, stop);
    if (end === BAD) return BAD;
    const size = (end === INCOMPLETE ? stop : end) - start;
    if (size > LIMITS.headBytesMax) return this.#bad(PROBLEMS.tooLong);
    if (end === INCOMPLETE) {
      this.#kept = before === 0 ? Buffer.from(bytes.subarray(from, to)) : all;
      return INCOMPLETE;
    }
    this.#kept = undefined;
    const problem = this.facts.read(head, false);
    if (problem !== undefined) return this.#bad(problem);
    const rest = before === 0 ? end : from + end - before;
    return this.#takeHead(bytes, rest, to);
  }

  /** Answers with where it ends, as it was told, unless it is one that may not be passed on. */
  #takeHead(bytes: Buffer, rest: number, to: number): number {
    const { head, facts } = this;
    const { code } = head;
    const outgoing = this.#outgoing as Outgoing;
    if (code === 101) {
      if (outgoing.upgrade === undefined) return this.#bad(PROBLEMS.uninvited);
      this.#upgrade(Buffer.from(bytes.subarray(rest, to)));
      return rest;
    }
    if (code < 200) {
      this.#informations += 1;
      if (this.#informations <= LIMITS.informationsMax) this.#journey?.informed(this);
      const isFlood = this.#informations > LIMITS.informationsReadMax;
      return isFlood ? this.#bad(PROBLEMS.informations) : rest;
    }
    this.#isAnswered = true;
    this.#isKept = facts.stays(head.minor);
    this.#startBody(outgoing.method === "HEAD" || code === 204 || code === 304);
    this.isStream = isStreamType(head, facts);
    this.#journey?.answered(this);
    return rest;
  }

  #bad(problem: Problem): number {
    this.head.problem = problem;
    return BAD;
  }

  #startBody(isEmpty: boolean): void {
    const { facts } = this;
    const framing = this.#framing;
    this.bodyBytes = -1;
    if (isEmpty) this.bodyBytes = 0;
    else if (facts.length >= 0) this.bodyBytes = facts.length;
    if (this.bodyBytes >= 0) framing.startLength(this.bodyBytes);
    else if (facts.isChunked) framing.startChunks();
    else {
      framing.startUntilClose();
      this.#isKept = false;
    }
  }

  /** Of the sink: a piece of the answer's body. */
  take(bytes: Buffer, from: number, to: number): void {
    const isLasting = this.#buffer?.isLasting(bytes) === true;
    if (this.#journey?.received(bytes, from, to, isLasting) === false) this.pause();
  }

  #upgrade(first: Buffer): void {
    const journey = this.#journey;
    const socket = this.#socket;
    this.#journey = undefined;
    this.#tunnel = () => {};
    const wire: Wire = {
      socket,
      onBytes: (take) => {
        this.#tunnel = take;
      },
    };
    journey?.upgraded(this, wire, first);
  }

  /** `isClean`: nothing has come behind the answer. */
  #complete(isClean: boolean): void {
    const journey = this.#journey as Journey;
    journey.ended(this.#framing.trailers);
    this.#leave(isClean);
  }

  #leave(isClean: boolean): void {
    const journey = this.#journey;
    if (journey === undefined) return;
    this.#journey = undefined;
    // What an idle connection still knew of it would grow old, and be garbage of the dear kind.
    this.#outgoing = undefined;
    journey.flush();
    journey.over("answered", undefined);
    this.#buffer?.end(!this.#isPaused);
    this.resume();
    if (isClean && this.#isKept && this.#isBodySent && !this.#socket.destroyed) {
      this.#keeper.keep(this);
    } else this.#socket.destroy();
  }

  #outcome(): Outcome {
    if (this.#isAnswered) return "answered";
    if (!this.#isConnected) return "unreached";
    // What was taken from the client cannot be sent again, and whoever speaks was not closed.
    if (!this.#isReused || this.#isBodyTaken || this.#isHeard) return "broken";
    return IDEMPOTENT.has(this.#outgoing?.method ?? "") ? "stale" : "broken";
  }
}

/** What ends a body in chunks. */
export function lastChunk(trailers: readonly string[]): string {
  if (trailers.length === 0) return "0\r\n\r\n";
  let text = "0\r\n";
  for (let at = 0; at < trailers.length; at += 2)
    text += `${trailers[at]}: ${trailers[at + 1]}\r\n`;
  return text + CRLF;
}

/** Whether it goes on for as long as both sides like (O-2). */
export function isStreamType(head: Head, facts: Facts): boolean {
  const at = facts.typeAt;
  if (at < 0) return false;
  const from = head.valueStart(at);
  const first = lowered(head.bytes[from] as number);
  for (const word of STREAMS) {
    if (first !== word[0]) continue;
    const to = from + word.length;
    if (to <= head.valueEnd(at) && isWord(head.bytes, from, to, word)) return true;
  }
  return false;
}
