import { type ClientHttp2Session, type ClientHttp2Stream, constants } from "node:http2";
import type { Readable, Writable } from "node:stream";
import type { Endpoint } from "../backend.ts";
import type { Outcome, Outgoing } from "../caller.ts";
import { fieldsObject, plainFields, streamRequest } from "./fields.ts";
import type { Sessions } from "./sessions.ts";

/** The answer of an instance. */
export interface StreamAnswer {
  readonly code: number;
  /** A flat list of names and values. */
  readonly rawHeaders: readonly string[];
  readonly body: Readable;
  /** Trailers, as a flat list; known when the body has ended. */
  readonly rawTrailers: () => readonly string[];
  readonly isBodyless: boolean;
  /** Asked when the body has ended: whether that was all of it. */
  readonly isTorn: () => boolean;
}

export interface ErrandEvents {
  /** No connection was left over from before, so one is being made. */
  connecting(): void;
  /** There is a connection: the body may follow. */
  connected(): void;
  informed(code: number, rawHeaders: readonly string[]): void;
  answered(answer: StreamAnswer): void;
  /** The instance is done with this request, in the words of `Outcome`. Nothing follows. */
  over(outcome: Outcome, error: NodeJS.ErrnoException | undefined): void;
}

export interface StreamErrandOptions {
  readonly endpoint: Endpoint;
  readonly sessions: Sessions;
  readonly outgoing: Outgoing;
  readonly events: ErrandEvents;
}

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);
const { NGHTTP2_REFUSED_STREAM, NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_FLAG_END_STREAM } =
  constants;

/** A request to an instance of HTTP/2, by prior knowledge: one stream of one of its sessions. */
export class StreamErrand {
  readonly #options: StreamErrandOptions;
  readonly #stream: ClientHttp2Stream;
  readonly #isReused: boolean;
  #isConnected = false;
  #isAnswered = false;
  #isBodyBegun = false;
  #isOver = false;
  #rawTrailers: readonly string[] = [];
  #sent: readonly [string, string][] = [];
  #error: NodeJS.ErrnoException | undefined;

  constructor(options: StreamErrandOptions) {
    this.#options = options;
    const { endpoint, sessions, outgoing, events } = options;
    const fields = streamRequest(outgoing);
    const { session, stream } = sessions.request(endpoint, fields, !outgoing.hasBody);
    this.#stream = stream;
    this.#isReused = !session.connecting;
    this.#listen();
    if (session.connecting) {
      session.once("connect", () => this.#connected());
      events.connecting();
    } else queueMicrotask(() => this.#connected());
    this.#watch(session);
  }

  /** Where the body goes, which is to be ended also when there is none. */
  get body(): Writable {
    return this.#stream;
  }

  /** To be called when the first byte of the body is taken from the client. */
  bodyBegan(): void {
    this.#isBodyBegun = true;
  }

  /** To be called before the body ends. */
  trail(pairs: readonly [string, string][]): void {
    this.#sent = pairs;
  }

  /** Ends it: `over` follows, with this as its error. */
  destroy(error?: Error): void {
    this.#error ??= error;
    if (!this.#stream.closed) this.#stream.close(NGHTTP2_CANCEL);
    this.#over();
  }

  #listen(): void {
    const stream = this.#stream;
    const { events } = this.#options;
    stream.on("wantTrailers", () => stream.sendTrailers(fieldsObject(this.#sent)));
    stream.on("headers", (headers, _, raw: readonly string[] = []) => {
      events.informed(headers[":status"] ?? 100, plainFields(raw));
    });
    stream.on("response", (headers, flags, raw: readonly string[] = []) => {
      this.#isAnswered = true;
      const code = headers[":status"] ?? 502;
      const isBodyless = (flags & NGHTTP2_FLAG_END_STREAM) !== 0;
      const rawHeaders = plainFields(raw);
      const rawTrailers = () => this.#rawTrailers;
      // Node ends the body as well when the instance took its answer back.
      const isTorn = () => stream.rstCode !== NGHTTP2_NO_ERROR;
      const rest = { body: stream, rawTrailers, isBodyless, isTorn };
      events.answered({ code, rawHeaders, ...rest });
    });
    stream.on("trailers", (headers, _, raw?: readonly string[]) => {
      const pairs = Object.entries(headers).map(([name, value]) => [name, String(value)]);
      this.#rawTrailers = raw ?? pairs.flat();
    });
    stream.on("error", (error) => {
      this.#error ??= error;
    });
    stream.on("close", () => this.#over());
  }

  /** A session that ends takes its streams along, and knows better why. */
  #watch(session: ClientHttp2Session): void {
    const failed = (error: Error) => {
      this.#error = error;
    };
    session.prependListener("error", failed);
    this.#stream.once("close", () => session.off("error", failed));
  }

  #connected(): void {
    if (this.#stream.destroyed || this.#isConnected) return;
    this.#isConnected = true;
    this.#options.events.connected();
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.events.over(this.#outcome(), this.#error);
  }

  #outcome(): Outcome {
    if (this.#isAnswered) return "answered";
    if (!this.#isConnected) return "unreached";
    if (this.#isBodyBegun) return "broken";
    // Both say that nothing was done with it (RFC 9113, 8.7).
    const isRefused = this.#stream.rstCode === NGHTTP2_REFUSED_STREAM;
    const isSafe = this.#isReused && IDEMPOTENT.has(this.#options.outgoing.method);
    return isRefused || isSafe ? "stale" : "broken";
  }
}
