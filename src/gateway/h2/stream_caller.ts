import type { Transform } from "node:stream";
import { answerOf, wantsJson } from "../answer.ts";
import type { Backend } from "../backend.ts";
import type { AnswerHead, Caller, Wire } from "../caller.ts";
import { type Asked, type Course, type OnAnswer, removeHeader, type Special } from "../course.ts";
import { Deadlines, type Limit, type Limited } from "../deadlines.ts";
import { Exchange } from "../exchange.ts";
import type { Asking, Seen } from "../h1/asking.ts";
import type { H1Answer } from "../h1/channel.ts";
import { askedOf, onCourse } from "../h1/coursing.ts";
import { answerHeaders, lastValueOf, trailersOf } from "../head.ts";
import { LIMITS } from "../limits.ts";
import { pickBackend } from "../pick.ts";
import { brokenOff, type Refusal, tooSlow, unknownHost } from "../refusal.ts";
import { bodyTooLarge } from "../refusals_of_policy.ts";
import * as Code from "./codes.ts";
import type { Field } from "./field.ts";
import * as Kind from "./field.ts";
import { grpcStatusOf, isGrpcType } from "./grpc.ts";
import { isBodiless } from "./is_bodiless.ts";
import { RequestBody } from "./request_body.ts";
import { pseudoOf, rawHeadersOf } from "./request_head.ts";
import type { Stream, StreamUser } from "./stream.ts";
import type { StreamParts } from "./stream_parts.ts";

export interface StreamCallerOptions {
  readonly stream: Stream;
  readonly fields: readonly Field[];
  readonly seen: Seen;
}

const NONE: readonly string[] = [];

/** A client of HTTP/2: one stream of its connection, and the request that is made of it. */
export class StreamCaller implements Caller, Limited, StreamUser {
  readonly #parts: StreamParts;
  readonly #stream: Stream;
  readonly #fields: readonly Field[];
  readonly #seen: Seen;
  readonly deadlines: Deadlines;
  readonly #isGrpc: boolean;
  course: Course | undefined;
  #asking: Asking | undefined;
  #exchange: Exchange | undefined;
  /** Who is answering, for what there is to say when that breaks off. */
  #instance = "";
  #late: Limit | undefined;
  readonly #body: RequestBody;
  #isContinued = false;
  #bodyBytes = 0;
  /** What the answer's body goes through on its way, such as a compression. */
  #through: Transform | undefined;
  #hasBody = false;

  constructor(parts: StreamParts, { stream, fields, seen }: StreamCallerOptions) {
    this.#parts = parts;
    this.#stream = stream;
    this.#fields = fields;
    this.#seen = seen;
    this.#isGrpc = isGrpc(fields);
    this.#body = new RequestBody(stream, parts.chunks);
    this.deadlines = new Deadlines(parts.deadlines, this);
    stream.user = this;
  }

  get outgoing(): Asking {
    return this.#asking as Asking;
  }

  get address(): string {
    return this.#seen.client;
  }

  begin(asking: Asking): void {
    this.#asking = asking;
    const rule = this.#parts.rules.get(asking.host);
    if (rule === undefined) this.turnAway(unknownHost(asking.host, this.#parts.isSettled()));
    else if (rule.special === undefined) this.#go(pickBackend(rule));
    else this.#admit(rule.special, asking);
  }

  /** It gets no further than here; without `begin`, it could not be read. */
  turnAway(refusal: Refusal): void {
    const outgoing = this.#asking;
    this.#parts.turnedAway({ refusal, client: this.address, ...(outgoing && { outgoing }) });
    this.refused(refusal);
  }

  pull(): void {
    const body = this.#body;
    if (!this.outgoing.hasBody || body.isSent || this.#stream.isOver) return;
    // How long a call of gRPC may take to send all it has, is for the two of them to agree on.
    if (this.#isGrpc) for (const limit of ["whole", "start"] as const) this.deadlines.clear(limit);
    this.#continue();
    if (body.goOn(this.#exchange)) this.#waitForAnswer();
  }

  informed(head: AnswerHead): void {
    // Its body is not waited for, so it is told so by us alone.
    if (head.code !== 100) this.#stream.informed(head as H1Answer);
  }

  answered(head: AnswerHead, revision: string): void {
    const { code, bodyBytes } = head;
    this.#instance = this.#exchange?.endpoint?.name ?? "";
    const isLast = bodyBytes === 0 || isBodiless(this.outgoing.method, code);
    this.#hasBody = !isLast;
    const onAnswer = this.course?.onAnswer;
    if (onAnswer === undefined) this.#stream.answered(head as H1Answer, revision, isLast);
    else this.#change(head, { revision, isLast, onAnswer });
  }

  received(bytes: Uint8Array, from: number, to: number, isLasting: boolean): boolean {
    if (!this.#hasBody) return true;
    const through = this.#through;
    if (through !== undefined) return through.write(Buffer.from(bytes.subarray(from, to)));
    return this.#send(bytes as Buffer, from, to, isLasting);
  }

  ended(trailers: readonly string[]): void {
    this.#exchange = undefined;
    this.#body.drop();
    if (this.#through !== undefined) this.#through.end();
    else this.#stream.end(trailers.length === 0 ? NONE : trailersOf(trailers).flat());
  }

  flush(): void {
    // Frames go out together by themselves.
  }

  cut(): void {
    const backend = this.#exchange?.backend;
    this.#exchange = undefined;
    if (backend === undefined) return;
    if (!this.#isGrpc || !this.#hasBody || this.#through !== undefined) {
      this.#stream.reset(Code.INTERNAL_ERROR);
      return;
    }
    const { code, detail } = this.#whyCut(backend);
    this.#stream.end(grpcStatusOf(code, detail).flat());
  }

  refused(refusal: Refusal): void {
    const stream = this.#stream;
    this.#exchange = undefined;
    this.#body.drop();
    if (stream.isOver) return;
    if (this.#isGrpc) {
      const status = grpcStatusOf(refusal.code, refusal.detail).flat();
      stream.listed(200, ["content-type", "application/grpc", ...status], true);
      return;
    }
    const isJson = wantsJson(lastValueOf(rawHeadersOf(this.#fields), "accept"));
    const { headers, body } = answerOf(refusal, isJson);
    this.course?.onAnswer?.(refusal.code, headers)?.destroy();
    const isLast = isBodiless(pseudoOf(this.#fields, Kind.METHOD) ?? "", refusal.code);
    stream.listed(refusal.code, headers, isLast);
    const bytes = Buffer.from(body);
    if (!isLast) this.#send(bytes, 0, bytes.length, true);
    stream.end(NONE);
  }

  upgraded(_head: AnswerHead, _revision: string, wire: Wire): void {
    // Nothing that comes by a stream asks for that.
    wire.socket.destroy();
  }

  retire(): void {
    // Nothing was.
  }

  bodyPiece(bytes: Buffer, from: number, to: number): void {
    const most = this.course?.bodyBytesMax ?? LIMITS.bodyBytesMax;
    this.#bodyBytes += to - from;
    if (this.#bodyBytes > most) this.#refuseBody(most);
    // What nobody waits for is let in, for the answer to be heard, as far as the window goes.
    if (this.#stream.isAnswered || this.#stream.isOver) this.#stream.dropped(to - from);
    else this.#body.take(this.#exchange, bytes, from, to);
  }

  readEnded(): void {
    this.#body.settle(this.#exchange);
  }

  bodyEnded(trailers: readonly string[]): void {
    if (this.#body.end(this.#exchange, trailers)) this.#waitForAnswer();
  }

  draining(): void {
    this.deadlines.set("write", LIMITS.writeIdleMs);
  }

  drained(): void {
    this.deadlines.clear("write");
    if (this.#through === undefined) this.#exchange?.resume();
    else this.#through.resume();
  }

  closed(): void {
    this.#body.drop();
    this.#through?.destroy();
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.gone();
    this.deadlines.end();
  }

  expire(limit: Limit): void {
    this.#late = limit;
    if (limit === "write") this.#stream.reset(Code.INTERNAL_ERROR);
    else this.#exchange?.expire(limit);
  }

  #go(backend: Backend): void {
    this.#exchange = new Exchange(this.#parts, this, backend);
    this.#exchange.start();
  }

  /** Rules and policies decide, now or later. */
  #admit(special: Special, asking: Asking): void {
    special.admit(this.#askedOf(asking), {
      go: (course) => {
        if (this.#stream.isOver) return;
        this.course = course;
        this.#asking = onCourse(asking, course);
        this.#go(course.backend);
      },
      refuse: (refusal) => this.refused(refusal),
    });
  }

  #askedOf(asking: Asking): Asked {
    return askedOf(asking, rawHeadersOf(this.#fields), this.#seen);
  }

  /** A client that asks first whether its body is wanted, is told so once. */
  #continue(): void {
    if (this.#isContinued || !this.outgoing.isExpecting) return;
    this.#isContinued = true;
    if (this.#bodyBytes === 0 && !this.#body.isWhole) this.#stream.goOn();
  }

  /** All that it sends is there: from now on the instance's time counts. */
  #waitForAnswer(): void {
    const exchange = this.#exchange;
    if (!this.#isGrpc || exchange === undefined || exchange.isAnswered) return;
    const { timeoutMs, responseStartTimeoutMs: startMs } = exchange.backend.limits;
    this.deadlines.set("whole", timeoutMs);
    if (startMs !== undefined) this.deadlines.set("start", startMs);
  }

  #refuseBody(most: number): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    const refusal = exchange.isAnswered ? undefined : bodyTooLarge(most);
    if (refusal === undefined) this.cut();
    else this.refused(refusal);
    exchange.gone(refusal);
  }

  #send(bytes: Buffer, from: number, to: number, isLasting: boolean): boolean {
    const isFree = this.#stream.send(bytes, from, to, isLasting);
    if (!isFree) this.deadlines.set("write", LIMITS.writeIdleMs);
    return isFree;
  }

  /** A head that policies change, and a body that they may put through something. */
  #change(head: AnswerHead, { revision, isLast, onAnswer }: Changing): void {
    const raw = head.rawHeaders();
    const hasLength = lastValueOf(raw, "content-length") !== undefined;
    const headers = answerHeaders(raw, { revision, isChunked: !hasLength });
    const through = onAnswer(head.code, headers);
    if (through !== undefined && !isLast) removeHeader(headers, "content-length");
    this.#stream.listed(head.code, headers, isLast);
    if (through === undefined || isLast) through?.destroy();
    else this.#put(through);
  }

  #put(through: Transform): void {
    this.#through = through;
    through.on("data", (bytes: Buffer) => {
      if (!this.#send(bytes, 0, bytes.length, true)) through.pause();
    });
    through.on("drain", () => this.#exchange?.resume());
    through.on("error", () => this.cut());
    through.on("end", () => this.#stream.end(NONE));
  }

  #whyCut(backend: Backend): Refusal {
    if (this.#late === undefined) return brokenOff(backend, this.#instance, "broke off its answer");
    return tooSlow(backend, this.#instance, this.#late);
  }
}

interface Changing {
  readonly revision: string;
  readonly isLast: boolean;
  readonly onAnswer: OnAnswer;
}

function isGrpc(fields: readonly Field[]): boolean {
  for (let at = 0; at < fields.length; at += 1) {
    const { kind, value } = fields[at] as Field;
    if (kind === Kind.CONTENT_TYPE) return isGrpcType(value);
  }
  return false;
}
