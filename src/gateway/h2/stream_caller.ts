import { constants, type ServerHttp2Stream } from "node:http2";
import type { Readable, Writable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { refusalParts } from "../answer.ts";
import type { OnAnswer } from "../course.ts";
import { answerHeaders, lastValueOf } from "../head.ts";
import type { Refusal } from "../refusal.ts";
import type { Inbound } from "../request.ts";
import type { AnswerHead, Caller } from "./caller.ts";
import { fieldsObject, isBodiless, pairsOf, streamAnswer } from "./fields.ts";
import { grpcStatusOf, isGrpc } from "./grpc.ts";

const { NGHTTP2_NO_ERROR } = constants;

/** For the end of an answer to be on its way, before the client is told to send no more. */
const HANG_UP_MS = 250;

export interface StreamCallerOptions {
  readonly clock: Clock;
  readonly stream: ServerHttp2Stream;
  readonly inbound: Inbound;
  readonly client: string;
  readonly scheme: "http" | "https";
}

/** A client of HTTP/2: one stream of its connection. */
export class StreamCaller implements Caller {
  readonly #clock: Clock;
  readonly #stream: ServerHttp2Stream;
  readonly inbound: Inbound;
  readonly client: string;
  readonly scheme: "http" | "https";
  readonly isGrpc: boolean;
  rawTrailers: readonly string[] = [];
  isWhole: boolean;
  #trailers: readonly [string, string][] = [];

  constructor({ clock, stream, inbound, client, scheme }: StreamCallerOptions) {
    this.#clock = clock;
    this.#stream = stream;
    this.inbound = inbound;
    this.client = client;
    this.scheme = scheme;
    this.isGrpc = isGrpc(inbound.rawHeaders);
    this.isWhole = !inbound.hasBody;
    stream.once("end", () => {
      this.isWhole = true;
    });
    stream.on("trailers", (headers, _, raw?: readonly string[]) => {
      this.rawTrailers = raw ?? Object.entries(headers).flat().map(String);
    });
    stream.on("wantTrailers", () => {
      stream.sendTrailers(fieldsObject(this.#trailers));
      this.#hangUp();
    });
    stream.on("error", () => {});
  }

  get body(): Readable {
    return this.#stream;
  }

  onClose(closed: () => void): void {
    this.#stream.once("close", closed);
  }

  inform(code: number, rawHeaders: readonly string[]): void {
    const headers = answerHeaders(rawHeaders, { revision: "", isChunked: false }).slice(0, -2);
    const fields = fieldsObject(pairsOf(headers));
    this.#stream.additionalHeaders({ ...fields, ":status": code });
  }

  answer({ code, headers, isBodyless }: AnswerHead): Writable | undefined {
    const stream = this.#stream;
    const endStream = isBodyless || isBodiless(this.inbound.method, code);
    stream.respond(streamAnswer(code, headers), { endStream, waitForTrailers: !endStream });
    if (endStream) this.#hangUp();
    return endStream ? undefined : stream;
  }

  flushHead(): void {
    // Heads of streams go out by themselves.
  }

  trail(pairs: readonly [string, string][]): void {
    this.#trailers = pairs;
  }

  refuse(refusal: Refusal, onAnswer?: OnAnswer): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.headersSent) return;
    if (this.isGrpc) {
      const status = grpcStatusOf(refusal.code, refusal.detail).flat();
      const fields = [":status", "200", "content-type", "application/grpc", ...status];
      stream.respond(fields, { endStream: true });
      this.#hangUp();
      return;
    }
    const { headers, body } = refusalParts(lastValueOf(this.inbound.rawHeaders, "accept"), refusal);
    onAnswer?.(refusal.code, headers);
    const endStream = this.inbound.method === "HEAD";
    const options = { endStream, waitForTrailers: !endStream };
    stream.respond(streamAnswer(refusal.code, headers), options);
    if (endStream) this.#hangUp();
    else stream.end(body);
  }

  cut({ code, detail }: Refusal): void {
    const stream = this.#stream;
    if (!this.isGrpc || stream.writableEnded) {
      // Its own `close` would end the body first, and make it look whole.
      stream.destroy(new Error(detail));
      return;
    }
    this.#trailers = grpcStatusOf(code, detail);
    stream.end();
  }

  /** The answer is all there is: what the client still sends is not wanted (RFC 9113, 8.1). */
  #hangUp(): void {
    if (this.isWhole) return;
    const stream = this.#stream;
    stream.resume();
    // A reset overtakes what was written just before it.
    this.#clock.after(HANG_UP_MS, () => {
      if (!stream.closed) stream.close(NGHTTP2_NO_ERROR);
    });
  }
}
