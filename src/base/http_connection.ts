import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { Answer } from "./call.ts";
import { CR } from "./h1/bytes.ts";
import { BAD, INCOMPLETE } from "./h1/head.ts";
import { PROBLEMS, type Problem } from "./h1/problem.ts";
import { isWorthReading, skipEmptyLine } from "./h1/scan.ts";
import { refusalText, sendAnswer, type Way } from "./http_answer.ts";
import { BodyTooLarge, HttpBody } from "./http_body.ts";
import { HttpRequest, problemOf, targetOf } from "./http_request.ts";
import type { Serving } from "./http_serving.ts";
import type { Route } from "./routes.ts";

const NOTHING = Buffer.alloc(0);
/** What comes while a request is answered waits, up to about so much. */
const KEPT_BYTES_MAX = 64 * 1024;
/** A client may go on sending what nobody reads any more, so that it can read why. */
const LINGER_MS = 5_000;
const NEVER = Number.POSITIVE_INFINITY;

/** One connection: a request at a time, from its head to the end of its answer. */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #serving: Serving;
  readonly #body: HttpBody;
  /** What has come, and how far it is read. */
  #bytes: Buffer = NOTHING;
  #at = 0;
  /** How far what is kept was looked through for the end of a head. */
  #scanned = 0;
  /** From its head until it is answered and its body is over. */
  #request: HttpRequest | undefined;
  #route: Route;
  #isChunked = true;
  /** The connection ends with this answer. */
  #isLast = false;
  /** The client waits to hear whether its body is wanted. */
  #isExpecting = false;
  /** The body may be read, whoever wants it. */
  #isOpen = false;
  /** Some of the answer is sent, or all of it. */
  #isBegun = false;
  #isAnswered = false;
  #isPumping = false;
  #isPaused = false;
  /** Nothing is read any more. */
  #isOver = false;
  #untilMs: number;
  readonly #onData = (bytes: Buffer) => this.#read(bytes);
  readonly #onBegun = () => {
    this.#isBegun = true;
  };

  constructor(socket: Socket, serving: Serving) {
    this.#socket = socket;
    this.#serving = serving;
    this.#route = serving.unknown;
    this.#body = new HttpBody(serving.spare, serving.limits);
    this.#untilMs = this.#in(serving.limits.headMs);
    socket.on("data", this.#onData);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#leave());
  }

  /** Ends what has taken too long. */
  check(nowMs: number): void {
    if (nowMs < this.#untilMs) return;
    this.#untilMs = NEVER;
    const isWithin = this.#request !== undefined;
    const isIdle = !isWithin && this.#scanned === 0;
    if (isIdle || this.#isOver || this.#isBegun) this.#socket.destroy();
    else this.#refuse(isWithin ? PROBLEMS.slowBody : PROBLEMS.slowHead);
  }

  #read(bytes: Buffer): void {
    if (this.#isOver) return;
    const isAllRead = this.#at === this.#bytes.length;
    this.#bytes = isAllRead ? bytes : Buffer.concat([this.#bytes.subarray(this.#at), bytes]);
    this.#at = 0;
    this.#pump();
  }

  /** Reads as much as can be acted on now. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (!this.#isOver && this.#at < this.#bytes.length && this.#step());
    this.#isPumping = false;
    if (this.#isOver) return;
    const left = this.#bytes.length - this.#at;
    if (left === 0) this.#drop();
    this.#pause(this.#body.isHeld || left > KEPT_BYTES_MAX);
  }

  /** Answers whether more can be read now. */
  #step(): boolean {
    if (this.#request === undefined) return this.#takeHead();
    if (!this.#isOpen || this.#body.isHeld || this.#body.isDone) return false;
    return this.#takeBody();
  }

  #takeHead(): boolean {
    const { head, limits } = this.#serving;
    const [bytes, to] = [this.#bytes, this.#bytes.length];
    // Half an empty line in front of a head.
    if (to - this.#at === 1 && bytes[this.#at] === CR) return false;
    const start = skipEmptyLine(bytes, this.#at, to);
    const isWorth = this.#scanned === 0 || isWorthReading(bytes, this.#at + this.#scanned, to);
    const end = isWorth ? head.readRequest(bytes, start, to) : INCOMPLETE;
    if (end === BAD) return this.#refuse(head.problem);
    const length = (end === INCOMPLETE ? to : end) - start;
    if (length > limits.headBytesMax) return this.#refuse(PROBLEMS.tooLong);
    if (end === INCOMPLETE) {
      if (this.#scanned === 0) this.#untilMs = this.#in(limits.headMs);
      this.#scanned = to - this.#at;
      return false;
    }
    this.#scanned = 0;
    this.#at = end;
    return this.#begin();
  }

  /** Makes a request of the head that was read. */
  #begin(): boolean {
    const { head, facts } = this.#serving;
    const problem = facts.read(head, true) ?? problemOf(head, facts);
    if (problem !== undefined) return this.#refuse(problem);
    const target = targetOf(head);
    if (target === undefined) return this.#refuse(PROBLEMS.form);
    const request = new HttpRequest(this.#socket, target, { head, facts });
    this.#request = request;
    this.#body.start(facts);
    this.#isChunked = head.minor === 1;
    this.#isLast = !facts.stays(head.minor) || request.isUpgrade;
    this.#isExpecting = facts.isExpecting && head.minor === 1;
    this.#isOpen = false;
    this.#untilMs = NEVER;
    this.#admit(request);
    return true;
  }

  #admit(request: HttpRequest): void {
    const { routes, unknown, onRequest } = this.#serving;
    try {
      const found = routes.find(request.method, request.path);
      request.params = found?.params ?? request.params;
      this.#route = found?.route ?? unknown;
      const admission = onRequest(request);
      if (admission === undefined) this.#open(request);
      else void this.#openAfter(admission, request);
    } catch (thrown) {
      this.#fail(request, thrown);
    }
  }

  async #openAfter(admission: Promise<void>, request: HttpRequest): Promise<void> {
    try {
      await admission;
      if (!this.#isOver) this.#open(request);
    } catch (thrown) {
      this.#fail(request, thrown);
    }
    this.#pump();
  }

  /** The request may come in: reads its body, and acts on it. */
  #open(request: HttpRequest): void {
    const { bodyBytesMax, bodyMs, pauseMs } = this.#serving.limits;
    const body = this.#body;
    if (body.isDone) {
      this.#act(request);
      return;
    }
    const { isStreamed } = this.#route;
    if (!isStreamed && body.length > bodyBytesMax) throw new BodyTooLarge(bodyBytesMax);
    if (this.#isExpecting) this.#socket.write("HTTP/1.1 100 Continue\r\n\r\n");
    this.#isExpecting = false;
    this.#isOpen = true;
    this.#untilMs = this.#in(isStreamed ? pauseMs : bodyMs);
    if (!isStreamed) {
      body.gather();
      return;
    }
    request.stream = body.stream(() => {
      this.#untilMs = this.#in(pauseMs);
      this.#pump();
    });
    this.#act(request);
  }

  #takeBody(): boolean {
    const { bodyBytesMax, pauseMs } = this.#serving.limits;
    const body = this.#body;
    const end = body.feed(this.#bytes, this.#at);
    if (end === BAD) return this.#refuse(body.problem);
    this.#at = end;
    const { isStreamed } = this.#route;
    if (!isStreamed && body.bytesRead > bodyBytesMax) return this.#tooLarge(bodyBytesMax);
    if (body.isDone) this.#bodyEnded();
    else if (isStreamed && !this.#isAnswered) {
      this.#untilMs = body.isHeld ? NEVER : this.#in(pauseMs);
    }
    return true;
  }

  #tooLarge(bodyBytesMax: number): boolean {
    const request = this.#request;
    if (request === undefined || this.#isAnswered) return this.#close();
    this.#fail(request, new BodyTooLarge(bodyBytesMax));
    return false;
  }

  #bodyEnded(): void {
    this.#untilMs = NEVER;
    const request = this.#request;
    const whole = this.#body.taken();
    if (whole !== undefined && request !== undefined) {
      request.body = whole;
      this.#act(request);
    } else this.#next();
  }

  #act(request: HttpRequest): void {
    try {
      const answer = this.#route.handler(request);
      if (answer instanceof Promise) void this.#sendAfter(answer, request);
      else this.#send(request, answer);
    } catch (thrown) {
      this.#fail(request, thrown);
    }
  }

  async #sendAfter(answering: Promise<Answer>, request: HttpRequest): Promise<void> {
    try {
      this.#send(request, await answering);
    } catch (thrown) {
      this.#fail(request, thrown);
    }
  }

  /** Answers with what `thrown` comes to, or cuts off an answer that has begun. */
  #fail(request: HttpRequest, thrown: unknown): void {
    const { onError, limits } = this.#serving;
    const answer = onError(thrown, request);
    if (this.#isBegun) {
      this.#socket.destroy();
      return;
    }
    // The rest of a body is read and thrown away where it is short, and is sure to come.
    const { isDone, length } = this.#body;
    const isLong = length < 0 || length > limits.bodyBytesMax;
    if (!isDone && (isLong || this.#isExpecting)) this.#isLast = true;
    try {
      this.#send(request, answer);
    } catch {
      this.#socket.destroy();
    }
  }

  /** Throws for an answer that cannot be sent. */
  #send(request: HttpRequest, answer: Answer): void {
    const { body, take, write } = answer;
    if (this.#isOver || this.#isBegun) {
      if (body instanceof Readable) body.destroy();
      return;
    }
    if (take !== undefined) {
      this.#handOver(request, take);
      return;
    }
    const isEndless = write !== undefined || body instanceof Readable;
    if (isEndless && !this.#isChunked) this.#isLast = true;
    const sending = sendAnswer(this.#socket, { call: request, answer }, this.#way());
    if (sending === undefined) this.#answered(request);
    else void this.#sent(request, sending);
  }

  async #sent(request: HttpRequest, sending: Promise<void>): Promise<void> {
    try {
      await sending;
      if (!this.#isOver) this.#answered(request);
    } catch (thrown) {
      if (this.#isOver) this.#socket.destroy();
      else this.#fail(request, thrown);
    }
  }

  #answered(request: HttpRequest): void {
    this.#isAnswered = true;
    request.leave();
    if (this.#isLast) {
      this.#close();
      return;
    }
    if (this.#body.isDone) {
      this.#next();
      return;
    }
    this.#isOpen = true;
    this.#untilMs = this.#in(this.#serving.limits.bodyMs);
    this.#body.drop();
    this.#pump();
  }

  /** Goes on to the next request when all of this one is over. */
  #next(): void {
    if (!this.#isAnswered || !this.#body.isDone || this.#isOver) return;
    this.#untilMs = this.#in(this.#serving.limits.keepAliveMs);
    if (this.#socket.writableNeedDrain) {
      this.#socket.once("drain", () => this.#next());
      return;
    }
    this.#request = undefined;
    this.#isBegun = false;
    this.#isAnswered = false;
    this.#pump();
  }

  #handOver(request: HttpRequest, take: NonNullable<Answer["take"]>): void {
    const socket = this.#socket;
    const head = this.#bytes.subarray(this.#at);
    this.#isOver = true;
    this.#untilMs = NEVER;
    socket.off("data", this.#onData).pause();
    // As if nobody had read yet: whoever listens next has it flow again.
    Object.assign(socket, { readableFlowing: null });
    take({ request, socket, head });
  }

  /** What cannot be read, or takes too long, is told why, and that is all. */
  #refuse({ code, detail }: Problem): boolean {
    if (this.#isBegun && !this.#isAnswered) this.#socket.destroy();
    if (!this.#isBegun) {
      this.#isLast = true;
      this.#socket.write(refusalText(code, detail, this.#way()));
    }
    return this.#close();
  }

  /** Says that nothing more comes, and lets the client read on until it goes. */
  #close(): boolean {
    this.#leave();
    this.#drop();
    this.#untilMs = this.#in(LINGER_MS);
    this.#socket.end();
    this.#pause(false);
    return false;
  }

  #leave(): void {
    this.#isOver = true;
    this.#request?.leave();
    this.#body.drop(new Error("the caller has gone"));
  }

  #drop(): void {
    this.#bytes = NOTHING;
    this.#at = 0;
  }

  #pause(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  #way(): Way {
    const { dateLine, keepAliveLines } = this.#serving;
    const lines = this.#isLast ? "Connection: close\r\n" : keepAliveLines;
    return { isChunked: this.#isChunked, lines: dateLine.get() + lines, begun: this.#onBegun };
  }

  #in(ms: number): number {
    return this.#serving.clock.elapsed() + ms;
  }
}
