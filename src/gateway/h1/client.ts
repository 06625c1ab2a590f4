import type { Socket } from "node:net";
import { PROBLEMS, type Problem } from "../../base/h1/problem.ts";
import { type Attendant, attend, drop } from "../attendant.ts";
import type { Backend } from "../backend.ts";
import type { AnswerHead, Caller, Wire } from "../caller.ts";
import type { Course, Special } from "../course.ts";
import { Deadlines, type Limit, type Limited } from "../deadlines.ts";
import { Exchange } from "../exchange.ts";
import { trailersOf } from "../head.ts";
import { LIMITS } from "../limits.ts";
import { pickBackend } from "../pick.ts";
import { type Refusal, unknownHost } from "../refusal.ts";
import { bodyTooLarge } from "../refusals_of_policy.ts";
import { Tunnel } from "../tunnel.ts";
import { Answering, type Writer } from "./answering.ts";
import { type Asking, askingOf, isProblem, Seen } from "./asking.ts";
import type { H1Answer } from "./channel.ts";
import type { ClientOptions, ClientParts } from "./client_parts.ts";
import { askedOf, onCourse } from "./coursing.ts";
import { Intake, type Reader } from "./intake.ts";
import { refusalText, wantsJson } from "./refusing.ts";

/**
 * One connection of a client, and its requests: one at a time, in the order in which they came.
 * What is sent ahead waits, and most of it in the kernel.
 */
export class Client implements Attendant, Limited, Caller, Reader, Writer {
  readonly deadlines: Deadlines;
  readonly #parts: ClientParts;
  readonly #socket: Socket;
  readonly #seen: Seen;
  readonly #intake: Intake;
  readonly #answering: Answering;
  #asking: Asking | undefined;
  #course: Course | undefined;
  #exchange: Exchange | undefined;
  #tunnel: Tunnel | undefined;
  #requests = 0;
  #bodyBytes = 0;
  /** A request is under way: its answer is not whole. */
  #isBusy = false;
  /** It is not decided yet where it goes. */
  #isPending = false;
  #isContinued = false;
  /** The answer was whole before the body was: what comes of that is dropped. */
  #isLingering = false;
  #isLast = false;
  /** Nothing is asked any more. */
  #isOver = false;

  constructor(parts: ClientParts, { socket, isTls, first }: ClientOptions) {
    this.#parts = parts;
    this.#socket = socket;
    this.#seen = new Seen(socket.remoteAddress ?? "unknown", isTls);
    this.deadlines = new Deadlines(parts.deadlines, this);
    this.#intake = new Intake(socket, parts, this);
    this.#answering = new Answering(socket, parts.dateLine, this);
    attend(socket, this);
    this.deadlines.set("head", LIMITS.headMs);
    if (first.length > 0) this.socketRead(first, first.length);
  }

  /** Whoever has begun to send a request is not idle. */
  get isIdle(): boolean {
    return this.isReady && !this.#isLingering && this.#intake.isEmpty;
  }

  get isReady(): boolean {
    return !this.#isBusy && !this.#isLast && !this.#isOver;
  }

  /** What is missing of its body is not kept back by anybody but the client. */
  get #isOwing(): boolean {
    if (this.#intake.isBodyDone || this.#intake.isHeld) return false;
    return this.#exchange?.isReady === true && (this.#isContinued || !this.outgoing.isExpecting);
  }

  get isBodyHeld(): boolean {
    return this.#isPending || this.#exchange?.isReady === false;
  }

  get course(): Course | undefined {
    return this.#course;
  }

  get address(): string {
    return this.#seen.client;
  }

  get outgoing(): Asking {
    return this.#asking as Asking;
  }

  readBuffer(): Buffer {
    return this.#intake.readBuffer();
  }

  socketRead(bytes: Uint8Array, length: number): void {
    if (this.#tunnel === undefined) this.#intake.read(bytes as Buffer, length);
    else this.#tunnel.fromClient(Buffer.from(bytes.subarray(0, length)));
  }

  socketDrained(): void {
    this.deadlines.clear("write");
    if (this.#tunnel === undefined) this.#answering.drained();
    else this.#tunnel.clientDrained();
  }

  socketClosed(): void {
    this.#stop();
    this.deadlines.end();
    this.#answering.close();
    if (this.#tunnel !== undefined) this.#tunnel.clientClosed();
    else this.#exchange?.gone();
    this.#exchange = undefined;
    this.#parts.closed(this);
  }

  expire(limit: Limit): void {
    if (limit === "head") {
      if (this.#intake.isEmpty) this.close();
      else this.headBad(PROBLEMS.slowHead);
    } else if (limit === "body") {
      if (this.#isOver || this.#isLingering) this.#socket.destroy();
      else if (this.#isOwing) this.bodyBad(PROBLEMS.slowBody);
    } else if (limit === "write") drop(this.#socket);
    else if (limit === "whole" && this.#isOwing && this.#exchange?.isAnswered === false)
      this.bodyBad(PROBLEMS.slowBody);
    else this.#exchange?.expire(limit);
  }

  close(): void {
    this.#stop();
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  retire(): void {
    this.#tunnel?.retire();
  }

  headBegun(): void {
    if (this.#requests > 0) this.deadlines.set("head", LIMITS.headMs);
  }

  headRead(): void {
    this.deadlines.clear("head");
    const asking = askingOf(this.#parts, this.#seen);
    if (isProblem(asking)) this.headBad(asking);
    else this.#begin(asking);
  }

  headBad(problem: Problem): void {
    this.#parts.turnedAway({ refusal: problem, client: this.address });
    this.#reject(problem);
  }

  bodyPiece(bytes: Buffer): boolean {
    const most = Math.min(this.#course?.bodyBytesMax ?? Infinity, LIMITS.bodyBytesMax);
    this.#bodyBytes += bytes.length;
    if (this.#bodyBytes <= most) return this.#exchange?.send(bytes) ?? true;
    if (!this.#isLingering) this.bodyBad(bodyTooLarge(most));
    return true;
  }

  bodyGoing(): void {
    if (!this.#isLingering) this.deadlines.set("body", LIMITS.bodyIdleMs);
  }

  bodyEnded(trailers: readonly string[]): void {
    this.deadlines.clear("body");
    if (!this.#isLingering) {
      this.#exchange?.sendEnd(trailers.length === 0 ? trailers : trailersOf(trailers).flat());
      return;
    }
    this.#isLingering = false;
    this.#next();
  }

  /** An answer that has begun is not followed by another. */
  bodyBad(problem: Problem): void {
    const exchange = this.#exchange;
    const isAnswered = exchange?.isAnswered === true;
    this.#exchange = undefined;
    exchange?.gone(isAnswered ? undefined : problem);
    if (isAnswered || this.#isLingering) this.#socket.destroy();
    else this.#reject(problem);
  }

  pull(): void {
    if (this.#intake.isHeld) this.#intake.goOn();
    if (this.#isOwing) this.deadlines.set("body", LIMITS.bodyIdleMs);
  }

  informed(answer: AnswerHead): void {
    const { minor, isExpecting } = this.outgoing;
    if (minor === 0) return;
    if (answer.code === 100) {
      if (!isExpecting || this.#isContinued) return;
      this.#isContinued = true;
      if (this.#isOwing) this.deadlines.set("body", LIMITS.bodyIdleMs);
    }
    this.#answering.inform(answer as H1Answer);
  }

  answered(answer: AnswerHead, revision: string): void {
    const asking = this.outgoing;
    const isUnread = asking.isExpecting && !this.#isContinued && !this.#intake.isBodyDone;
    const isLast = this.#isLast || isUnread || !asking.isKeepAlive || this.#parts.isClosing();
    const parts = { revision, isLast, onAnswer: this.#course?.onAnswer };
    this.#isLast = this.#answering.begin(answer as H1Answer, asking, parts);
  }

  received(bytes: Uint8Array, from: number, to: number, isLasting: boolean): boolean {
    return this.#isFree(this.#answering.body(bytes as Buffer, from, to, isLasting));
  }

  ended(trailers: readonly string[]): void {
    this.#exchange = undefined;
    this.#answering.end(trailers.length === 0 ? trailers : trailersOf(trailers).flat());
  }

  flush(): void {
    this.#isFree(this.#answering.flush());
  }

  /** Whoever takes the end of a connection for that of an answer is to see another end. */
  cut(): void {
    if (this.#answering.isUntilClose) drop(this.#socket);
    else this.#socket.destroy();
  }

  refused(refusal: Refusal): void {
    this.#exchange = undefined;
    const asking = this.outgoing;
    this.#isLast ||= !asking.isKeepAlive || this.#parts.isClosing() || asking.isExpecting;
    const isJson = wantsJson(asking.text);
    const isHead = asking.method === "HEAD";
    const { text: date } = this.#parts.dateLine;
    const said = { isJson, isHead, isLast: this.#isLast, date };
    this.#socket.write(refusalText(refusal, { ...said, onAnswer: this.#course?.onAnswer }));
    this.whole();
  }

  upgraded(answer: AnswerHead, revision: string, wire: Wire, first: Buffer): void {
    const exchange = this.#exchange as Exchange;
    this.#answering.upgrade(answer as H1Answer, revision, this.#course?.onAnswer);
    this.deadlines.end();
    this.#isOver = true;
    const tunnel = new Tunnel({
      deadlines: this.#parts.deadlines,
      client: { socket: this.#socket, first: this.#intake.stop() },
      instance: { socket: wire.socket, first },
      idleTimeoutMs: exchange.backend.limits.idleTimeoutMs,
      isWebSocket: this.outgoing.upgrade?.toLowerCase() === "websocket",
      closed: () => exchange.tunnelClosed(),
    });
    wire.onBytes((bytes) => tunnel.fromInstance(bytes));
    this.#tunnel = tunnel;
    tunnel.start();
    this.#intake.open();
  }

  more(): void {
    this.deadlines.clear("write");
    this.#exchange?.resume();
  }

  /** The answer is whole, or it never will be and ours is in its place. */
  whole(): void {
    this.#isBusy = false;
    if (this.#isLast) this.#end();
    else if (this.#intake.isBodyDone) this.#next();
    else {
      // The rest of the body may still come, so that the client gets to read the answer.
      this.#isLingering = true;
      this.deadlines.set("body", LIMITS.lingerMs);
      this.#intake.goOn();
    }
  }

  #begin(asking: Asking): void {
    this.#asking = asking;
    this.#course = undefined;
    this.#isBusy = true;
    this.#requests += 1;
    const most = LIMITS.bodyBytesMax;
    const isTooLong = asking.bodyLength > most;
    // Known before the answer, which has to say so.
    this.#isLast = isTooLong || this.#requests >= LIMITS.requestsPerConnectionMax;
    this.#isContinued = false;
    this.#bodyBytes = 0;
    this.#intake.startBody(asking);
    const { rules, isSettled } = this.#parts;
    const rule = rules.get(asking.host);
    if (isTooLong) this.#turnAway(asking, bodyTooLarge(most));
    else if (rule === undefined) this.#turnAway(asking, unknownHost(asking.host, isSettled()));
    else if (rule.special === undefined) this.#go(pickBackend(rule));
    else this.#admit(rule.special, asking);
  }

  #turnAway(outgoing: Asking, refusal: Refusal): void {
    this.#parts.turnedAway({ refusal, client: this.address, outgoing });
    this.refused(refusal);
  }

  #go(backend: Backend): void {
    this.#exchange = new Exchange(this.#parts, this, backend);
    this.#exchange.start();
  }

  /** Rules and policies decide, now or later. */
  #admit(special: Special, asking: Asking): void {
    this.#isPending = true;
    special.admit(askedOf(asking, this.#parts.head.rawHeaders(), this.#seen), {
      go: (course) => {
        this.#isPending = false;
        if (this.#socket.destroyed) return;
        this.#course = course;
        this.#asking = onCourse(asking, course);
        this.#go(course.backend);
        this.pull();
      },
      refuse: (refusal) => {
        this.#isPending = false;
        if (!this.#socket.destroyed) this.refused(refusal);
      },
    });
  }

  /** Ready for another request. */
  #next(): void {
    this.#asking = undefined;
    this.deadlines.set("head", LIMITS.keepAliveMs);
    this.#intake.goOn();
  }

  /** Sends what is left to send, and reads on for a moment: unread bytes would undo the answer. */
  #end(): void {
    this.#stop();
    this.deadlines.clear("head");
    this.deadlines.set("write", LIMITS.writeIdleMs);
    this.#socket.end(() => {
      this.deadlines.clear("write");
      this.deadlines.set("body", LIMITS.lastWordMs);
    });
    this.#intake.open();
  }

  #stop(): void {
    this.#isOver = true;
    this.#intake.stop();
  }

  /** It cannot be told what the client meant, so nothing that follows can be, either. */
  #reject(problem: Problem): void {
    const { text: date } = this.#parts.dateLine;
    const said = { isJson: false, isHead: false, isLast: true, date };
    this.#socket.write(refusalText(problem, said));
    this.#end();
  }

  #isFree(isFree: boolean): boolean {
    if (!isFree) this.deadlines.set("write", LIMITS.writeIdleMs);
    return isFree;
  }
}
