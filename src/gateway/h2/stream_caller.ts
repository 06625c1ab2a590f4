import { constants, type ServerHttp2Stream } from "node:http2";
import type { Transform, Writable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { answerOf, wantsJson } from "../answer.ts";
import type { Backend } from "../backend.ts";
import type { AnswerHead, Caller, Outgoing, Wire } from "../caller.ts";
import type { Course } from "../course.ts";
import { Deadlines, type Limit } from "../deadlines.ts";
import { Exchange } from "../exchange.ts";
import type { ExchangeParts } from "../exchange_parts.ts";
import { answerHeaders, lastValueOf, requestHeaders, trailersOf } from "../head.ts";
import { LIMITS } from "../limits.ts";
import { brokenOff, type Refusal, tooSlow } from "../refusal.ts";
import { bodyTooLarge } from "../refusals_of_policy.ts";
import type { Inbound } from "../request.ts";
import { fieldsObject, isBodiless, pairsOf, streamAnswer } from "./fields.ts";
import { grpcStatusOf, isGrpc } from "./grpc.ts";
import { StreamOutgoing } from "./stream_outgoing.ts";

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
  readonly deadlines: Deadlines;
  readonly inbound: Inbound;
  readonly address: string;
  readonly scheme: "http" | "https";
  readonly #isGrpc: boolean;
  course: Course | undefined;
  #outgoing: Outgoing | undefined;
  #exchange: Exchange | undefined;
  /** Who is answering, for what there is to say when that breaks off. */
  #instance = "";
  #late: Limit | undefined;
  #isReading = false;
  #isWhole: boolean;
  #bodyBytes = 0;
  #rawTrailers: readonly string[] = [];
  /** Where the body of the answer goes, and whether that is through something. */
  #outlet: Writable | undefined;
  #through: Transform | undefined;
  #trailers: readonly [string, string][] = [];

  constructor({ clock, stream, inbound, client, scheme }: StreamCallerOptions) {
    this.#clock = clock;
    this.#stream = stream;
    this.inbound = inbound;
    this.address = client;
    this.scheme = scheme;
    this.deadlines = new Deadlines(clock, (limit) => this.#expire(limit));
    this.#isGrpc = isGrpc(inbound.rawHeaders);
    this.#isWhole = !inbound.hasBody;
    stream.on("trailers", (headers, _, raw?: readonly string[]) => {
      this.#rawTrailers = raw ?? Object.entries(headers).flat().map(String);
    });
    stream.on("wantTrailers", () => {
      stream.sendTrailers(fieldsObject(this.#trailers));
      this.#hangUp();
    });
    stream.once("close", () => {
      this.deadlines.clearAll();
      this.#through?.destroy();
      this.#exchange?.gone();
    });
  }

  get outgoing(): Outgoing {
    return this.#outgoing as Outgoing;
  }

  /** Where it goes is decided. */
  begin(parts: ExchangeParts, backend: Backend, course: Course | undefined): void {
    const { inbound, address, scheme } = this;
    const headers = requestHeaders(inbound, address, scheme);
    course?.onRequest?.(headers);
    this.course = course;
    this.#outgoing = new StreamOutgoing(inbound, course?.target ?? inbound.target, headers);
    this.#exchange = new Exchange(parts, this, backend);
    this.#exchange.start();
  }

  pull(): void {
    const stream = this.#stream;
    if (!this.inbound.hasBody || this.#isWhole || stream.destroyed) return;
    // How long a call of gRPC may take to send all it has, is for the two of them to agree on.
    if (this.#isGrpc) for (const limit of ["whole", "start"] as const) this.deadlines.clear(limit);
    if (!this.#isReading) this.#read();
    stream.resume();
  }

  informed(head: AnswerHead): void {
    // Its body is not waited for, so it is told so by us alone.
    if (head.code === 100) return;
    const headers = answerHeaders(head.rawHeaders(), { revision: "", isChunked: false });
    const fields = fieldsObject(pairsOf(headers.slice(0, -2)));
    try {
      this.#stream.additionalHeaders({ ...fields, ":status": head.code });
    } catch {
      // It is a courtesy: what cannot be passed on is left out.
    }
  }

  answered(head: AnswerHead, revision: string): void {
    const stream = this.#stream;
    const { code, bodyBytes } = head;
    this.#instance = this.#exchange?.endpoint?.name ?? "";
    const raw = head.rawHeaders();
    const hasLength = lastValueOf(raw, "content-length") !== undefined;
    const headers = answerHeaders(raw, { revision, isChunked: !hasLength });
    const endStream = bodyBytes === 0 || isBodiless(this.inbound.method, code);
    const through = this.course?.onAnswer?.(code, headers);
    try {
      stream.respond(streamAnswer(code, headers), { endStream, waitForTrailers: !endStream });
    } catch (thrown) {
      this.#unfit(`sent an answer that cannot be passed on: ${(thrown as Error).message}`);
      return;
    }
    stream.on("drain", () => this.#drained());
    if (endStream) this.#hangUp();
    else this.#outlet = stream;
    if (through !== undefined && !endStream) this.#put(through);
    else through?.destroy();
  }

  received(bytes: Uint8Array, from: number, to: number): boolean {
    const outlet = this.#outlet;
    if (outlet === undefined || outlet.destroyed) return true;
    // It is only lent, and Node keeps what it has not sent yet.
    const isRoom = outlet.write(Buffer.from(bytes.subarray(from, to)));
    if (!isRoom) this.deadlines.set("write", LIMITS.writeIdleMs);
    return isRoom;
  }

  ended(trailers: readonly string[]): void {
    this.#trailers = trailersOf(trailers);
    this.#outlet?.end();
  }

  flush(): void {
    // Frames go out together by themselves.
  }

  cut(): void {
    const stream = this.#stream;
    const backend = this.#exchange?.backend;
    if (stream.destroyed || backend === undefined) return;
    this.#through?.destroy();
    const { code, detail } = this.#whyCut(backend);
    if (!this.#isGrpc || this.#outlet !== stream) {
      // Its own `close` would end the body first, and make it look whole.
      stream.destroy(new Error(detail));
      return;
    }
    this.#trailers = grpcStatusOf(code, detail);
    stream.end();
  }

  refused(refusal: Refusal): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.headersSent) return;
    if (this.#isGrpc) {
      const status = grpcStatusOf(refusal.code, refusal.detail).flat();
      const fields = [":status", "200", "content-type", "application/grpc", ...status];
      stream.respond(fields, { endStream: true });
      this.#hangUp();
      return;
    }
    const { rawHeaders, method } = this.inbound;
    const isJson = wantsJson(lastValueOf(rawHeaders, "accept"));
    const { headers, body } = answerOf(refusal, isJson);
    this.course?.onAnswer?.(refusal.code, headers)?.destroy();
    const endStream = method === "HEAD";
    const options = { endStream, waitForTrailers: !endStream };
    stream.respond(streamAnswer(refusal.code, headers), options);
    if (endStream) this.#hangUp();
    else stream.end(body);
  }

  upgraded(_head: AnswerHead, _revision: string, wire: Wire): void {
    // Nothing that comes by a stream asks for that.
    wire.socket.destroy();
  }

  retire(): void {
    // Nothing was.
  }

  #read(): void {
    const stream = this.#stream;
    this.#isReading = true;
    if (/^100-continue$/i.test(lastValueOf(this.inbound.rawHeaders, "expect") ?? "")) {
      stream.additionalHeaders({ ":status": 100 });
    }
    stream.on("data", (bytes: Buffer) => this.#take(bytes));
    stream.once("end", () => {
      this.#isWhole = true;
      // Of a stream that was taken back, the end is none.
      if (stream.rstCode !== NGHTTP2_NO_ERROR) return;
      this.#exchange?.sendEnd(trailersOf(this.#rawTrailers).flat());
      this.#waitForAnswer();
    });
  }

  #take(bytes: Buffer): void {
    const exchange = this.#exchange;
    const most = this.course?.bodyBytesMax;
    this.#bodyBytes += bytes.length;
    if (most !== undefined && this.#bodyBytes > most) {
      const refusal = exchange?.isAnswered === false ? bodyTooLarge(most) : undefined;
      if (refusal !== undefined) this.refused(refusal);
      else this.cut();
      exchange?.gone(refusal);
      return;
    }
    if (exchange?.send(bytes) === false) this.#stream.pause();
  }

  /** All that it sends is there: from now on the instance's time counts. */
  #waitForAnswer(): void {
    const exchange = this.#exchange;
    if (!this.#isGrpc || exchange === undefined || exchange.isAnswered) return;
    const { timeoutMs, responseStartTimeoutMs: startMs } = exchange.backend.limits;
    this.deadlines.set("whole", timeoutMs);
    if (startMs !== undefined) this.deadlines.set("start", startMs);
  }

  #put(through: Transform): void {
    this.#through = through;
    this.#outlet = through;
    through.on("error", () => this.cut());
    through.on("drain", () => this.#drained());
    through.pipe(this.#stream);
  }

  #drained(): void {
    this.deadlines.clear("write");
    this.#exchange?.resume();
  }

  #unfit(what: string): void {
    const exchange = this.#exchange;
    if (exchange !== undefined) this.refused(brokenOff(exchange.backend, this.#instance, what));
    exchange?.gone();
  }

  #expire(limit: Limit): void {
    this.#late = limit;
    if (limit !== "write") this.#exchange?.expire(limit);
    else this.#stream.destroy(new Error("it takes nothing of its answer"));
  }

  #whyCut(backend: Backend): Refusal {
    if (this.#late === undefined) return brokenOff(backend, this.#instance, "broke off its answer");
    return tooSlow(backend, this.#instance, this.#late);
  }

  /** The answer is all there is: what the client still sends is not wanted (RFC 9113, 8.1). */
  #hangUp(): void {
    if (this.#isWhole) return;
    const stream = this.#stream;
    stream.resume();
    // A reset overtakes what was written just before it.
    this.#clock.after(HANG_UP_MS, () => {
      if (!stream.closed) stream.close(NGHTTP2_NO_ERROR);
    });
  }
}
