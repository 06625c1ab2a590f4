import type { Transform, Writable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import type { Outcome } from "../attempt.ts";
import type { Backend, Endpoint, Waiter } from "../backend.ts";
import type { Outgoing } from "../caller.ts";
import { type Course, setHeader } from "../course.ts";
import { Deadlines, type Limit } from "../deadlines.ts";
import { answerHeaders, lastValueOf, requestHeaders, trailersOf } from "../head.ts";
import { LIMITS } from "../limits.ts";
import type { Copy, Mirrors } from "../mirrors.ts";
import type { Pools } from "../pools.ts";
import { brokenOff, gone, queueFull, type Refusal, tooSlow, waitedInVain } from "../refusal.ts";
import { bodyTooLarge } from "../refusals_of_policy.ts";
import type { Seats, Ticket } from "../seats.ts";
import { CELL, count, countCold, countRequest } from "../tally.ts";
import { type Span, traceparentOf, type Witness } from "../witness.ts";
import type { Caller } from "./caller.ts";
import type { Answer, Errand, ErrandEvents } from "./errand.ts";
import { PlainErrand } from "./plain_errand.ts";
import type { Sessions } from "./sessions.ts";
import { StreamErrand } from "./stream_errand.ts";

export interface CrossingParts {
  readonly clock: Clock;
  readonly seats: Seats;
  readonly pools: Pools;
  readonly sessions: Sessions;
  readonly witness: Witness;
  readonly mirrors: Mirrors;
}

export interface CrossingOptions {
  readonly caller: Caller;
  readonly backend: Backend;
  /** What rules and policies have decided; nothing where there are none. */
  readonly course: Course | undefined;
}

/** Answers that go on for as long as both sides like (O-2): bounded by silence alone. */
const STREAMS = /^(?:text\/event-stream|application\/grpc|application\/connect\+)/i;

/**
 * One request of which at least one side speaks HTTP/2, from its head to the last byte of its
 * answer. It waits, is sent again and is timed as an `Exchange` is, which is its counterpart for
 * HTTP/1.1 on both sides; what the protocols differ in is behind `Caller` and `Errand`.
 */
export class Crossing implements Waiter, ErrandEvents {
  readonly #parts: CrossingParts;
  readonly #caller: Caller;
  readonly #backend: Backend;
  readonly #course: Course | undefined;
  readonly #deadlines: Deadlines;
  readonly #headers: readonly string[];
  #ticket: Ticket;
  #endpoint: Endpoint | undefined;
  #errand: Errand | undefined;
  #answer: Answer | undefined;
  #lastFailure: string | undefined;
  #hasRetried = false;
  #isAnswered = false;
  #isEnded = false;
  #beganMs = 0;
  #code = 0;
  #bodyBytes = 0;
  #answerBytes = 0;
  #copy: Copy | undefined;
  #span: Span | undefined;
  #instance: string | undefined;
  #detail: string | undefined;
  /** There was no instance when it came. */
  #isCold = false;
  #isClosed = false;

  constructor(parts: CrossingParts, { caller, backend, course }: CrossingOptions) {
    this.#parts = parts;
    this.#caller = caller;
    this.#backend = backend;
    this.#course = course;
    this.#deadlines = new Deadlines(parts.clock, (limit) => this.#expire(limit));
    const { inbound, client, scheme } = caller;
    const headers = requestHeaders(inbound, client, scheme);
    course?.onRequest?.(headers);
    this.#headers = headers;
    if (parts.witness.isOn) this.#span = parts.witness.begin(lastValueOf(headers, "traceparent"));
    const span = this.#span;
    if (span !== undefined && span.spanId !== "") {
      setHeader(headers, "traceparent", traceparentOf(span));
    }
  }

  start(): void {
    this.#caller.onClose(() => this.#close());
    this.#deadlines.set("whole", this.#backend.limits.timeoutMs);
    this.#beganMs = this.#parts.clock.elapsed();
    this.#backend.load.enter(this.#beganMs);
    const mirror = this.#course?.mirror;
    if (mirror !== undefined) this.#copy = this.#parts.mirrors.begin(mirror, this.#outgoing());
    const isCold = this.#backend.endpoints.length === 0;
    this.#ask(false);
    if (this.#endpoint !== undefined || this.#isDone()) return;
    count(this.#backend.tally, CELL.waited, 1);
    this.#isCold = isCold;
  }

  #ask(isBack: boolean): void {
    // It may be served before this returns.
    this.#ticket = undefined;
    this.#ticket = this.#parts.seats.ask(this.#backend, this, isBack);
  }

  serve(endpoint: Endpoint): void {
    const { pools, sessions } = this.#parts;
    this.#endpoint = endpoint;
    this.#instance = endpoint.name;
    if (this.#isCold) countCold(this.#backend.tally, this.#parts.clock.elapsed() - this.#beganMs);
    this.#isCold = false;
    // The second time, there is to be no doubt about the connection.
    if (this.#hasRetried) this.#dropConnections(endpoint);
    const { inbound } = this.#caller;
    const target = this.#course?.target;
    const head = target === undefined ? inbound : { ...inbound, target };
    const headers = this.#headers;
    try {
      this.#errand =
        this.#backend.protocol === "h2c"
          ? new StreamErrand({ endpoint, sessions, head, headers, events: this })
          : new PlainErrand({ endpoint, pools, head, headers }, this);
      if (!head.hasBody) this.#errand.body.end();
    } catch (thrown) {
      // Node refuses to send what its parser let through. That is for this client alone to know.
      this.#giveBack();
      const detail = `the request cannot be forwarded: ${(thrown as Error).message}`;
      this.#refuse({ code: 400, detail });
    }
  }

  refuse(why: "full" | "gone"): void {
    this.#refuse(why === "full" ? queueFull(this.#backend) : gone(this.#backend));
  }

  connecting(): void {
    this.#deadlines.set("connect", LIMITS.connectMs);
  }

  connected(): void {
    this.#deadlines.clear("connect");
    if (this.#endpoint !== undefined) this.#parts.seats.trust(this.#endpoint, this.#ticket);
    this.#touch();
    if (!this.#caller.inbound.hasBody) this.#waitForAnswer();
    else this.#sendBody();
  }

  /** How long a call of gRPC may take to send all it has, is for the two of them to agree on. */
  #waitForAnswer(): void {
    const { timeoutMs, responseStartTimeoutMs } = this.#backend.limits;
    if (responseStartTimeoutMs !== undefined) this.#deadlines.set("start", responseStartTimeoutMs);
    if (this.#caller.isGrpc) this.#deadlines.set("whole", timeoutMs);
  }

  #sendBody(): void {
    const { body, isGrpc } = this.#caller;
    const errand = this.#errand;
    if (errand === undefined) return;
    if (isGrpc) this.#deadlines.clear("whole");
    else this.#waitForAnswer();
    // A body may be long in coming, and the instance may want to answer its head.
    errand.flushHead();
    body.once("data", () => errand.bodyBegan());
    body.on("data", (bytes: Buffer) => this.#took(bytes));
    body.once("end", () => {
      this.#copy?.end();
      const trailers = trailersOf(this.#caller.rawTrailers);
      if (trailers.length > 0) errand.trail(trailers);
      if (isGrpc && !this.#isAnswered) this.#waitForAnswer();
    });
    body.pipe(errand.body);
  }

  #took(bytes: Buffer): void {
    this.#touch();
    this.#copy?.send(bytes);
    this.#bodyBytes += bytes.length;
    const most = this.#course?.bodyBytesMax;
    if (most === undefined || this.#bodyBytes <= most) return;
    if (this.#isAnswered) this.#cut(bodyTooLarge(most));
    else this.#refuse(bodyTooLarge(most));
  }

  informed(code: number, rawHeaders: readonly string[]): void {
    if (this.#isDone()) return;
    this.#touch();
    try {
      this.#caller.inform(code, rawHeaders);
    } catch {
      // It is a courtesy: what cannot be passed on is left out.
    }
  }

  answered(answer: Answer): void {
    answer.body.on("error", () => this.#breakOff("broke off its answer"));
    if (this.#isDone()) return;
    this.#deadlines.clear("start");
    const { code, reason, rawHeaders, isBodyless } = answer;
    if (STREAMS.test(lastValueOf(rawHeaders, "content-type") ?? "")) this.#deadlines.clear("whole");
    const hasTrailers = lastValueOf(rawHeaders, "content-length") === undefined;
    const { revision } = this.#backend;
    const headers = answerHeaders(rawHeaders, { revision, isChunked: hasTrailers });
    const through = this.#course?.onAnswer?.(code, headers);
    let outlet: Writable | undefined;
    try {
      outlet = this.#caller.answer({ code, reason, headers, isBodyless });
    } catch (thrown) {
      this.#breakOff(`sent an answer that cannot be passed on: ${(thrown as Error).message}`);
      return;
    }
    this.#isAnswered = true;
    this.#code = code;
    this.#answer = answer;
    if (outlet !== undefined) {
      this.#relay(answer, outlet, through);
      return;
    }
    this.#isEnded = true;
    answer.body.resume();
  }

  #relay({ body, rawTrailers, isTorn }: Answer, outlet: Writable, through?: Transform): void {
    let isFlushed = false;
    body.on("data", (bytes: Buffer) => {
      isFlushed = true;
      this.#answerBytes += bytes.length;
      this.#touch();
    });
    body.once("end", () => {
      if (isTorn()) {
        this.#breakOff("broke off its answer");
        return;
      }
      this.#isEnded = true;
      const trailers = trailersOf(rawTrailers());
      if (trailers.length > 0) this.#caller.trail(trailers);
    });
    if (through === undefined) body.pipe(outlet);
    else {
      through.on("error", () => this.#breakOff("sent what cannot be passed on"));
      this.#caller.onClose(() => through.destroy());
      body.pipe(through).pipe(outlet);
    }
    // A head goes with the first bytes of its body, but does not wait for them.
    setImmediate(() => {
      if (!isFlushed && !this.#isClosed) this.#caller.flushHead();
    });
  }

  over(outcome: Outcome, error: NodeJS.ErrnoException | undefined): void {
    const endpoint = this.#endpoint;
    this.#errand = undefined;
    if (outcome === "unreached" && endpoint !== undefined && !this.#isDone()) {
      this.#lastFailure = `instance "${endpoint.name}": ${reasonOf(error)}`;
      this.#parts.seats.distrust(endpoint, this.#ticket);
    }
    if (outcome === "stale" && endpoint !== undefined) this.#dropConnections(endpoint);
    this.#giveBack();
    // What came is passed on to its end, unless it came in part.
    const { body } = this.#answer ?? {};
    if (body?.destroyed === true && !body.readableEnded) {
      this.#breakOff(`broke off its answer: ${reasonOf(error)}`, endpoint);
    }
    if (this.#isDone()) return;
    for (const limit of ["connect", "start", "idle"] as const) this.#deadlines.clear(limit);
    const isRetry = outcome === "stale" && !this.#hasRetried;
    if (outcome === "unreached" || isRetry) {
      this.#hasRetried ||= isRetry;
      count(this.#backend.tally, CELL.retries, 1);
      this.#ask(true);
      return;
    }
    const what = `broke the connection before it answered: ${reasonOf(error)}`;
    this.#refuse(brokenOff(this.#backend, endpoint?.name ?? "", what));
  }

  #dropConnections(endpoint: Endpoint): void {
    this.#parts.pools.drop(endpoint);
    this.#parts.sessions.drop(endpoint);
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
    const { idleTimeoutMs } = this.#backend.limits;
    if (idleTimeoutMs !== undefined) this.#deadlines.set("idle", idleTimeoutMs);
  }

  #expire(limit: Limit): void {
    const backend = this.#backend;
    const { timeoutMs, responseStartTimeoutMs, idleTimeoutMs } = backend.limits;
    if (limit === "connect") {
      const refused = new Error(`accepted no connection within ${LIMITS.connectMs} ms`);
      this.#errand?.destroy(refused);
      return;
    }
    const name = this.#endpoint?.name;
    if (name === undefined && !this.#isAnswered) {
      this.#refuse(waitedInVain(backend, this.#lastFailure));
      return;
    }
    const said: Partial<Record<Limit, string>> = {
      whole: `did not answer within ${timeoutMs} ms`,
      start: `did not begin to answer within ${responseStartTimeoutMs} ms`,
      idle: `neither took nor sent a byte for ${idleTimeoutMs} ms`,
    };
    const refusal = tooSlow(backend, name ?? "", said[limit] ?? limit);
    if (this.#isAnswered) this.#cut(refusal);
    else this.#refuse(refusal);
  }

  #breakOff(what: string, endpoint = this.#endpoint): void {
    const refusal = brokenOff(this.#backend, endpoint?.name ?? "", what);
    if (this.#isAnswered) this.#cut(refusal);
    else this.#refuse(refusal);
  }

  /** Our own answer, in place of the instance's. */
  #refuse(refusal: Refusal): void {
    if (this.#isDone()) return;
    this.#isAnswered = true;
    this.#isEnded = true;
    this.#code = refusal.code;
    this.#detail = refusal.detail;
    this.#leave();
    this.#caller.refuse(refusal, this.#course?.onAnswer);
  }

  /** The answer has begun, and cannot be completed. */
  #cut(refusal: Refusal): void {
    if (this.#isEnded || this.#isClosed) return;
    this.#isEnded = true;
    this.#code = 0;
    this.#answer?.body.unpipe();
    this.#leave();
    this.#caller.cut(refusal);
  }

  /** The client has its answer, or is gone. */
  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const now = this.#parts.clock.elapsed();
    this.#backend.load.leave(now);
    if (!this.#isEnded) this.#code = 0;
    if (this.#code === 0) this.#copy?.drop();
    const { tally } = this.#backend;
    count(tally, CELL.bytesIn, this.#bodyBytes);
    count(tally, CELL.bytesOut, this.#answerBytes);
    countRequest(tally, this.#code, now - this.#beganMs);
    if (this.#parts.witness.isOn) this.#tell(now - this.#beganMs);
    this.#deadlines.clearAll();
    // All was said and heard: the connection to the instance may serve the next.
    if (this.#isEnded && this.#caller.isWhole) return;
    this.#leave();
  }

  #outgoing(): Outgoing {
    const headers = () => this.#headers;
    return { ...this.#caller.inbound, text: "", headers };
  }

  #tell(ms: number): void {
    const { inbound, client } = this.#caller;
    const { method, target, authority } = inbound;
    this.#parts.witness.over({
      ...{ method, target, authority, ms, client, code: this.#code, span: this.#span },
      ...{ revision: this.#backend.id, instance: this.#instance },
      ...{ bytesIn: this.#bodyBytes, bytesOut: this.#answerBytes },
      ...(this.#detail !== undefined && { detail: this.#detail }),
    });
  }

  #leave(): void {
    this.#deadlines.clearAll();
    this.#parts.seats.leave(this.#backend, this.#ticket);
    this.#errand?.destroy();
  }
}

function reasonOf(error: NodeJS.ErrnoException | undefined): string {
  if (error === undefined) return "it was closed";
  return error.code === undefined ? error.message : `${error.message} (${error.code})`;
}
