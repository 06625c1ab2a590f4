import { Facts } from "../../base/h1/facts.ts";
import { Head } from "../../base/h1/head.ts";
import { PROBLEMS, type Problem } from "../../base/h1/problem.ts";
import { nodeHttp } from "../../base/node_http.ts";
import type { Endpoint } from "../backend.ts";
import type { Carrier, Journey, Outcome, Outgoing } from "../caller.ts";
import { type H1Answer, isStreamType } from "../h1/channel.ts";
import { trailersOf } from "../head.ts";
import { LIMITS } from "../limits.ts";
import * as Code from "./codes.ts";
import type { Field } from "./field.ts";
import type { NewHead } from "./intake.ts";
import { isBodiless } from "./is_bodiless.ts";
import { readAnswerHead, readTrailers } from "./request_head.ts";
import type { SessionUser } from "./session.ts";
import type { Sessions } from "./sessions.ts";
import type { Stream } from "./stream.ts";

export interface StreamCarrierOptions {
  readonly endpoint: Endpoint;
  readonly outgoing: Outgoing;
  readonly journey: Journey;
  readonly sessions: Sessions;
}

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);
const NONE: readonly string[] = [];

/** A request on its way to an instance of HTTP/2: one stream of one of its sessions. */
export class StreamCarrier implements Carrier, SessionUser {
  readonly #journey: Journey;
  readonly #method: string;
  readonly #isReused: boolean;
  readonly #stream: Stream;
  #isConnected: boolean;
  #isBodyTaken = false;
  #isAnswered = false;
  #informations = 0;
  /** The caller is slower: what comes waits here, as far as the window lets it come. */
  #isPaused = false;
  readonly #held: Buffer[] = [];
  /** The answer is whole; what of it waits is not told yet. */
  #trailers: readonly string[] | undefined;
  #code: number | undefined;
  #error: NodeJS.ErrnoException | undefined;
  #isClosed = false;
  #isOver = false;

  constructor({ endpoint, outgoing, journey, sessions }: StreamCarrierOptions) {
    this.#journey = journey;
    this.#method = outgoing.method;
    const session = sessions.take(endpoint);
    this.#isReused = session.isConnected;
    this.#isConnected = session.isConnected;
    this.#stream = session.open(outgoing, this);
    if (session.isConnected) journey.connected();
    else journey.connecting();
  }

  send(bytes: Buffer): boolean {
    this.#isBodyTaken = true;
    return this.#stream.send(bytes, 0, bytes.length, true);
  }

  sendEnd(trailers: readonly string[]): void {
    this.#stream.end(trailers);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    while (this.#held.length > 0 && !this.#isPaused) this.#pass(this.#held.shift() as Buffer);
    this.#journey.flush();
    this.#settle();
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#held.length = 0;
    this.#trailers = undefined;
    this.#stream.reset(Code.CANCEL);
    this.#over();
  }

  connected(): void {
    if (this.#isConnected || this.#isOver) return;
    this.#isConnected = true;
    this.#journey.connected();
  }

  head(head: NewHead): void {
    if (this.#isAnswered) this.#takeTrailers(head);
    else this.#takeHead(head);
  }

  bodyPiece(bytes: Buffer, from: number, to: number): void {
    if (!this.#isAnswered) {
      this.#refuse("a body without a head");
    } else if (this.#isPaused) this.#held.push(Buffer.from(bytes.subarray(from, to)));
    else {
      this.#isPaused = !this.#journey.received(bytes, from, to, false);
      this.#stream.consumed(to - from);
    }
  }

  readEnded(): void {
    if (!this.#isOver) this.#journey.flush();
  }

  bodyEnded(trailers: readonly string[]): void {
    this.#trailers = trailers;
    this.#settle();
  }

  draining(): void {
    // The time of the exchange goes on.
  }

  drained(): void {
    this.#journey.flowing();
  }

  failing(code: number | undefined, error: Error | undefined): void {
    this.#code ??= code;
    this.#error ??= error ?? (code === undefined ? undefined : new Error(`it ended it (${code})`));
  }

  closed(): void {
    this.#isClosed = true;
    if (this.#trailers === undefined) this.#over();
  }

  #takeHead(head: NewHead): void {
    const code = head.isTooLarge ? undefined : readAnswerHead(head.fields);
    const isFinal = code !== undefined && code >= 200;
    if (code === undefined || code === 101 || (head.isEnded && !isFinal)) {
      this.#refuse("a head that is none");
      return;
    }
    if (!isFinal) {
      this.#informations += 1;
      const isKept = code !== 100 && this.#informations <= LIMITS.informationsMax;
      if (this.#informations > LIMITS.informationsReadMax)
        this.#refuse(PROBLEMS.informations.detail);
      else if (isKept)
        this.#journey.informed(new AnswerOfStream(this.#method, code, head.fields, false));
      return;
    }
    const answer = new AnswerOfStream(this.#method, code, head.fields, head.isEnded);
    if (answer.problem !== undefined) {
      this.#refuse(`a head that is none: ${answer.problem.detail}`);
      return;
    }
    this.#isAnswered = true;
    if (!isBodiless(this.#method, code)) this.#stream.expect(answer.facts.length);
    this.#journey.answered(answer);
    if (head.isEnded) this.#stream.takeEnd(NONE);
  }

  #takeTrailers({ fields, isEnded, isTooLarge }: NewHead): void {
    const trailers = isEnded && !isTooLarge ? readTrailers(fields) : undefined;
    if (trailers !== undefined) {
      this.#stream.takeEnd(trailersOf(trailers).flat());
      return;
    }
    this.#refuse("trailers that are none");
  }

  #refuse(what: string): void {
    this.failing(undefined, new Error(`it sent ${what}`));
    this.#stream.reset(Code.PROTOCOL_ERROR);
  }

  #pass(piece: Buffer): void {
    this.#isPaused = !this.#journey.received(piece, 0, piece.length, true);
    this.#stream.consumed(piece.length);
  }

  /** Tells that the answer is whole, when all of it was told. */
  #settle(): void {
    const trailers = this.#trailers;
    if (trailers === undefined || this.#held.length > 0 || this.#isOver) return;
    this.#trailers = undefined;
    this.#journey.ended(trailers);
    this.#journey.flush();
    // What is left of the request is not wanted any more.
    if (!this.#isClosed) this.#finish();
    this.#over();
  }

  #finish(): void {
    const stream = this.#stream;
    queueMicrotask(() => stream.reset(Code.NO_ERROR));
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#journey.over(this.#outcome(), this.#error);
  }

  #outcome(): Outcome {
    if (this.#isAnswered) return "answered";
    if (!this.#isConnected) return "unreached";
    if (this.#isBodyTaken) return "broken";
    // Both say that nothing was done with it (RFC 9113, 8.7).
    const isRefused = this.#code === Code.REFUSED_STREAM;
    const isSafe = this.#isReused && IDEMPOTENT.has(this.#method);
    return isRefused || isSafe ? "stale" : "broken";
  }
}

/** A head of HTTP/2 in the form of one of HTTP/1.1, read by the same rules. */
class AnswerOfStream implements H1Answer {
  readonly code: number;
  readonly isStream: boolean;
  readonly bodyBytes: number;
  readonly head: Head;
  readonly facts = new Facts();
  readonly problem: Problem | undefined;

  constructor(method: string, code: number, fields: readonly Field[], isEnded: boolean) {
    let text = `HTTP/1.1 ${code} ${nodeHttp.STATUS_CODES[code] ?? ""}\r\n`;
    for (const field of fields) if (!field.name.startsWith(":")) text += field.line;
    const bytes = Buffer.from(`${text}\r\n`, "latin1");
    this.head = new Head({ headersMax: fields.length });
    this.head.readAnswer(bytes, 0, bytes.length);
    this.problem = this.facts.read(this.head, false);
    this.code = code;
    this.isStream = isStreamType(this.head, this.facts);
    this.bodyBytes = isEnded || isBodiless(method, code) ? 0 : this.facts.length;
  }

  rawHeaders(): string[] {
    return this.head.rawHeaders();
  }
}
