import { type Backend, type Endpoint, WARM, type Waiter } from "./backend.ts";
import type { AnswerHead, Caller, Carrier, Journey, Outcome, Wire } from "./caller.ts";
import type { Limit } from "./deadlines.ts";
import type { Endlessly } from "./endless.ts";
import { type Events, eventsOf } from "./events.ts";
import type { ExchangeParts } from "./exchange_parts.ts";
import { LIMITS } from "./limits.ts";
import { enter, leave } from "./load.ts";
import type { Copy } from "./mirrors.ts";
import {
  brokenOff,
  gone,
  queueFull,
  type Refusal,
  reasonOf,
  tooSlow,
  waitedInVain,
} from "./refusal.ts";
import type { Ticket } from "./seats.ts";
import { CELL, count, countCold, countRequest } from "./tally.ts";
import { type Span, traceparentIn } from "./trace_context.ts";
import { traced } from "./traced.ts";

/**
 * One request from its head to the last byte of its answer: waits for an instance, sends it there,
 * once more where nothing can happen twice, and lets both sides go at the pace of the slower one.
 * It knows neither protocol: those are the caller's and the carrier's.
 */
export class Exchange implements Waiter, Journey, Endlessly {
  readonly #parts: ExchangeParts;
  readonly #caller: Caller;
  readonly backend: Backend;
  #ticket: Ticket;
  #endpoint: Endpoint | undefined;
  #carrier: Carrier | undefined;
  #lastFailure: string | undefined;
  #hasRetried = false;
  /** What the body has ended with. */
  #ending: readonly string[] | undefined;
  /** An answer has begun, of the instance's or our own. Nothing may be sent again. */
  #isAnswered = false;
  /** The answer is whole. */
  #isEnded = false;
  #isClosed = false;
  /** There is a connection, so the body may flow. */
  #isReady = false;
  readonly #isIdleLimited: boolean;
  #beganMs = 0;
  /** Of the answer; 0 when there was none. */
  #code = 0;
  /** There was no instance when it came. */
  #isCold = false;
  /** Neither waited for a start nor came to an instance that had just begun. */
  #isTimed = false;
  #isCut = false;
  #bytesIn = 0;
  #bytesOut = 0;
  /** Where the answer may be ended, where it is of events. */
  #events: Events | undefined;
  /** Who gets a copy, where anybody does. */
  #copy: Copy | undefined;
  /** The rest is known only while a witness is on. */
  #span: Span | undefined;
  #instance: string | undefined;
  #detail: string | undefined;

  constructor(parts: ExchangeParts, caller: Caller, backend: Backend) {
    this.#parts = parts;
    this.#caller = caller;
    this.backend = backend;
    this.#isIdleLimited = backend.limits.idleTimeoutMs !== undefined;
  }

  /** Who serves it now. */
  get endpoint(): Endpoint | undefined {
    return this.#endpoint;
  }

  /** There is a connection to an instance, so the body may be sent. */
  get isReady(): boolean {
    return this.#isReady && this.#carrier !== undefined;
  }

  /** An answer has begun. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  start(): void {
    const { limits, endpoints } = this.backend;
    this.#caller.deadlines.set("whole", limits.timeoutMs);
    this.#beganMs = this.#parts.clock.elapsed();
    this.#isCold = endpoints.length === 0;
    enter(this.backend, this.#beganMs);
    this.backend.outcomes?.enter();
    const { witness, mirrors } = this.#parts;
    const { course, outgoing } = this.#caller;
    if (course?.mirror !== undefined) this.#copy = mirrors.begin(course.mirror, outgoing);
    if (witness.isOn) this.#span = witness.begin(traceparentIn(outgoing));
    this.#ask(false);
  }

  /** A piece of the caller's body. False: it is only lent, and no more, until `Caller.pull`. */
  send(bytes: Buffer): boolean {
    if (this.#isIdleLimited) this.#touch();
    this.#bytesIn += bytes.length;
    this.#copy?.send(bytes);
    return this.#carrier?.send(bytes) ?? true;
  }

  sendEnd(trailers: readonly string[]): void {
    this.#ending = trailers;
    this.#copy?.end();
    this.#carrier?.sendEnd(trailers);
  }

  /** The caller takes more of the answer. */
  resume(): void {
    this.#carrier?.resume();
  }

  /** The caller has left, or cannot be served any more: `told` is the answer that it was given. */
  gone(told?: Pick<Refusal, "code" | "detail">): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leave();
    if (this.#isEnded) return;
    this.#code = told?.code ?? 0;
    this.#detail = told?.detail;
    this.#settle();
  }

  serve(endpoint: Endpoint): void {
    this.#endpoint = endpoint;
    this.#isReady = false;
    this.#isTimed = !this.#isCold && endpoint.warmth >= WARM;
    if (endpoint.warmth < WARM) endpoint.warmth += 1;
    if (this.#isCold) countCold(this.backend.tally, this.#parts.clock.elapsed() - this.#beganMs);
    this.#isCold = false;
    const { carriers } = this.#parts;
    // The second time, there is to be no doubt about the connection.
    if (this.#hasRetried) carriers.drop(endpoint);
    const { outgoing: sent } = this.#caller;
    const outgoing = this.#span?.spanId ? traced(sent, this.#span) : sent;
    this.#instance = endpoint.name;
    // What is told before `open` has returned finds no carrier yet: the body waits for that.
    const carrier = carriers.open(endpoint, outgoing, this, this.#hasRetried);
    if (this.#endpoint !== endpoint) return;
    this.#carrier = carrier;
    if (this.#isReady) this.#feed();
  }

  refuse(why: "full" | "gone"): void {
    this.#refuse(why === "full" ? queueFull(this.backend) : gone(this.backend));
  }

  connecting(): void {
    this.#isReady = false;
    this.#caller.deadlines.set("connect", LIMITS.connectMs);
  }

  connected(): void {
    const { responseStartTimeoutMs: ms } = this.backend.limits;
    const { deadlines } = this.#caller;
    deadlines.clear("connect");
    if (ms !== undefined) deadlines.set("start", ms);
    if (this.#isIdleLimited) this.#touch();
    if (this.#endpoint !== undefined) this.#parts.seats.trust(this.#endpoint, this.#ticket);
    this.#isReady = true;
    if (this.#carrier !== undefined) this.#feed();
  }

  flowing(): void {
    this.#caller.pull();
  }

  informed(head: AnswerHead): void {
    if (this.#isAnswered) return;
    if (this.#isIdleLimited) this.#touch();
    this.#caller.informed(head);
  }

  answered(head: AnswerHead): void {
    if (this.#isDone()) return;
    this.#isAnswered = true;
    this.#code = head.code;
    const { deadlines } = this.#caller;
    deadlines.clear("start");
    if (head.isStream) this.#streams(head);
    else if (LIMITS.lateMs > 0) deadlines.prolong("whole", LIMITS.lateMs);
    if (this.#isIdleLimited) this.#touch();
    const endpoint = this.#endpoint;
    if (endpoint !== undefined && endpoint.broken > 0) {
      endpoint.broken = 0;
      this.#parts.seats.trust(endpoint, this.#ticket);
    }
    this.#caller.answered(head, this.backend.revision);
  }

  received(bytes: Uint8Array, from: number, to: number, isLasting: boolean): boolean {
    if (this.#isClosed || this.#isEnded) return true;
    if (this.#isIdleLimited) this.#touch();
    const end = this.#events?.feed(bytes, from, to) ?? -1;
    const last = end < 0 ? to : end;
    this.#bytesOut += last - from;
    const isFree = this.#caller.received(bytes, from, last, isLasting);
    if (end >= 0) this.#endEvents();
    return isFree;
  }

  /** Between two events, or two frames of a WebSocket. */
  retire(): void {
    const events = this.#events;
    if (events === undefined) this.#caller.retire();
    else {
      events.isEnding = true;
      if (events.isBetween) this.#endEvents();
    }
  }

  ended(trailers: readonly string[]): void {
    if (this.#isClosed || this.#isEnded) return;
    this.#isEnded = true;
    this.#caller.deadlines.clearRequest();
    this.#settle();
    this.#caller.ended(trailers);
  }

  flush(): void {
    if (!this.#isClosed) this.#caller.flush();
  }

  upgraded(head: AnswerHead, wire: Wire, first: Buffer): void {
    if (this.#isDone()) {
      wire.socket.destroy();
      this.#giveBack();
      return;
    }
    this.#isAnswered = true;
    this.#isEnded = true;
    this.#code = 101;
    this.#carrier = undefined;
    this.#caller.deadlines.clearRequest();
    this.#parts.endless.add(this);
    this.#caller.upgraded(head, this.backend.revision, wire, first);
  }

  /** Both ends of what was upgraded are closed. */
  tunnelClosed(): void {
    this.#giveBack();
    this.#settle();
  }

  over(outcome: Outcome, error: NodeJS.ErrnoException | undefined): void {
    const endpoint = this.#endpoint;
    this.#carrier = undefined;
    this.#judge(outcome, endpoint, error);
    this.#giveBack();
    if (this.#isAnswered) this.#cut();
    if (this.#isClosed || this.#isEnded) return;
    const { deadlines } = this.#caller;
    for (const limit of ["connect", "start", "idle"] as const) deadlines.clear(limit);
    const isRetry = outcome === "stale" && !this.#hasRetried;
    if (outcome === "unreached" || isRetry) {
      this.#hasRetried ||= isRetry;
      count(this.backend.tally, CELL.retries, 1);
      this.#ask(true);
      return;
    }
    const what = `broke the connection before it answered: ${reasonOf(error)}`;
    this.#refuse(brokenOff(this.backend, endpoint?.name ?? "", what));
  }

  /** One of the limits of the request is over. */
  expire(limit: Limit): void {
    const backend = this.backend;
    if (limit === "connect") {
      this.#carrier?.destroy(new Error(`accepted no connection within ${LIMITS.connectMs} ms`));
      return;
    }
    const name = this.#endpoint?.name;
    if (this.#isAnswered) this.#cut();
    else if (name === undefined) this.#refuse(waitedInVain(backend, this.#lastFailure));
    else this.#refuse(tooSlow(backend, name, limit));
  }

  /** Only an empty body is sent again, and its caller has ended it. */
  #feed(): void {
    if (this.#hasRetried && this.#ending !== undefined) this.#carrier?.sendEnd(this.#ending);
    else this.#caller.pull();
  }

  #streams(head: AnswerHead): void {
    this.#caller.deadlines.clear("whole");
    this.#events = eventsOf(head);
    if (this.#events !== undefined) this.#parts.endless.add(this);
  }

  /** As the instance would: the client's connection stays. */
  #endEvents(): void {
    const carrier = this.#carrier;
    this.ended([]);
    carrier?.destroy();
  }

  #ask(isBack: boolean): void {
    // It may be served before this returns.
    this.#ticket = undefined;
    this.#ticket = this.#parts.seats.ask(this.backend, this, isBack);
  }

  /** What the end of an attempt says of the instance. */
  #judge(
    outcome: Outcome,
    endpoint: Endpoint | undefined,
    error: NodeJS.ErrnoException | undefined,
  ): void {
    if (endpoint === undefined || this.#isClosed) return;
    if (outcome === "unreached") {
      this.#lastFailure = `instance "${endpoint.name}": ${reasonOf(error)}`;
      this.#parts.seats.distrust(endpoint, this.#ticket);
    }
    if (outcome === "stale") this.#parts.carriers.drop(endpoint);
    if (outcome === "broken" && !this.#isAnswered) this.#parts.seats.blame(endpoint, this.#ticket);
  }

  #isDone(): boolean {
    return this.#isAnswered || this.#isClosed;
  }

  #giveBack(): void {
    const endpoint = this.#endpoint;
    this.#endpoint = undefined;
    if (endpoint !== undefined) this.#parts.seats.giveBack(endpoint, this.#ticket);
  }

  #touch(): void {
    const { idleTimeoutMs } = this.backend.limits;
    if (idleTimeoutMs !== undefined) this.#caller.deadlines.set("idle", idleTimeoutMs);
  }

  /** Our own answer, in place of the instance's. */
  #refuse(refusal: Refusal): void {
    if (this.#isDone()) return;
    this.#isAnswered = true;
    this.#isEnded = true;
    this.#code = refusal.code;
    this.#detail = refusal.detail;
    this.#leave();
    this.#settle();
    this.#caller.refused(refusal);
  }

  /** The answer cannot be completed, and a connection that closes early is how to say so. */
  #cut(): void {
    if (this.#isClosed || this.#isEnded) return;
    this.#isClosed = true;
    this.#isCut = true;
    this.#code = 0;
    this.#leave();
    this.#settle();
    this.#caller.cut();
  }

  /** It is over, in whichever way: once. */
  #settle(): void {
    const now = this.#parts.clock.elapsed();
    const ms = now - this.#beganMs;
    const { tally } = this.backend;
    leave(this.backend, now);
    const isFailed = this.#isCut || this.#code >= 500;
    this.backend.outcomes?.leave(isFailed, ms, this.#isTimed && this.#code !== 101);
    count(tally, CELL.bytesIn, this.#bytesIn);
    count(tally, CELL.bytesOut, this.#bytesOut);
    countRequest(tally, this.#code, ms);
    if (this.#events !== undefined || this.#code === 101) this.#parts.endless.delete(this);
    if (this.#copy !== undefined) this.#copy.abandon();
    if (this.#parts.witness.isOn) this.#tell(ms);
  }

  #tell(ms: number): void {
    const { method, target, authority } = this.#caller.outgoing;
    this.#parts.witness.over({
      ...{ method, target, authority, ms, client: this.#caller.address, code: this.#code },
      ...{ span: this.#span, revision: this.backend.id, instance: this.#instance },
      ...{ bytesIn: this.#bytesIn, bytesOut: this.#bytesOut },
      ...(this.#detail !== undefined && { detail: this.#detail }),
    });
  }

  #leave(): void {
    this.#caller.deadlines.clearRequest();
    this.#parts.seats.leave(this.backend, this.#ticket);
    this.#carrier?.destroy();
  }
}
