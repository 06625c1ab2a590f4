import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Transform } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { linger, sendRefusal } from "./answer.ts";
import { Attempt, type AttemptEvents, type Outcome } from "./attempt.ts";
import type { Backend, Endpoint, Waiter } from "./backend.ts";
import type { Course } from "./course.ts";
import { Deadlines, type Limit } from "./deadlines.ts";
import { answerHeaders, requestHeaders, trailersOf, upgradeAnswer } from "./head.ts";
import { LIMITS } from "./limits.ts";
import type { Pools } from "./pools.ts";
import { brokenOff, gone, queueFull, type Refusal, tooSlow, waitedInVain } from "./refusal.ts";
import type { Inbound } from "./request.ts";
import type { Seats, Ticket } from "./seats.ts";
import { Tunnel } from "./tunnel.ts";

export interface ExchangeParts {
  readonly clock: Clock;
  readonly seats: Seats;
  readonly pools: Pools;
}

export interface ExchangeOptions {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly inbound: Inbound;
  readonly backend: Backend;
  /** What rules and policies have decided; nothing where there are none. */
  readonly course: Course | undefined;
  /** The client sends its body only after a 100 (Continue). */
  readonly isExpecting: boolean;
  /** What the client has sent behind its request to change protocols, and where it sends more. */
  readonly raw: { readonly socket: Socket; readonly first: Buffer } | undefined;
}

/** Answers that go on for as long as both sides like (O-2): bounded by silence alone. */
const STREAMS = /^(?:text\/event-stream|application\/grpc|application\/connect\+)/i;

const NOT_IN_A_REASON = /[^\t\x20-\x7e\x80-\xff]/g;

/**
 * One request from its head to the last byte of its answer: waits for an instance, sends it there,
 * once more where nothing can happen twice, and streams both ways at the pace of the slower side.
 */
export class Exchange implements Waiter, AttemptEvents {
  readonly #parts: ExchangeParts;
  readonly #options: ExchangeOptions;
  readonly #deadlines: Deadlines;
  readonly #headers: readonly string[];
  #ticket: Ticket;
  #endpoint: Endpoint | undefined;
  #attempt: Attempt | undefined;
  #lastFailure: string | undefined;
  #hasRetried = false;
  #isContinued = false;
  /** An answer has begun, of the instance's or our own. Nothing may be sent again. */
  #isAnswered = false;
  #isClosed = false;

  constructor(parts: ExchangeParts, options: ExchangeOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#deadlines = new Deadlines(parts.clock, (limit) => this.#expire(limit));
    const client = options.req.socket.remoteAddress ?? "unknown";
    const headers = requestHeaders(options.inbound, client);
    options.course?.onRequest?.(headers);
    this.#headers = headers;
  }

  start(): void {
    const { res, backend } = this.#options;
    res.on("close", () => this.#close());
    res.on("error", () => this.#close());
    this.#deadlines.set("whole", backend.limits.timeoutMs);
    backend.load.enter(this.#parts.clock.elapsed());
    this.#ask(false);
  }

  #ask(isBack: boolean): void {
    // It may be served before this returns.
    this.#ticket = undefined;
    this.#ticket = this.#parts.seats.ask(this.#options.backend, this, isBack);
  }

  serve(endpoint: Endpoint): void {
    const { inbound, course } = this.#options;
    const { pools } = this.#parts;
    const headers = this.#headers;
    this.#endpoint = endpoint;
    // The second time, there is to be no doubt about the connection.
    if (this.#hasRetried) pools.drop(endpoint);
    try {
      const target = course?.target;
      const head = target === undefined ? inbound : { ...inbound, target };
      this.#attempt = new Attempt({ endpoint, pools, head, headers, events: this });
      if (!inbound.hasBody) this.#attempt.request.end();
    } catch (thrown) {
      // Node refuses to send what its parser let through. That is for this client alone to know.
      this.#giveBack();
      const detail = `the request cannot be forwarded: ${(thrown as Error).message}`;
      this.#refuse({ code: 400, detail });
    }
  }

  refuse(why: "full" | "gone"): void {
    const { backend } = this.#options;
    this.#refuse(why === "full" ? queueFull(backend) : gone(backend));
  }

  connecting(): void {
    this.#deadlines.set("connect", LIMITS.connectMs);
  }

  connected(): void {
    const { limits } = this.#options.backend;
    this.#deadlines.clear("connect");
    const { responseStartTimeoutMs, idleTimeoutMs } = limits;
    if (responseStartTimeoutMs !== undefined) this.#deadlines.set("start", responseStartTimeoutMs);
    if (idleTimeoutMs !== undefined) this.#deadlines.set("idle", idleTimeoutMs);
    if (this.#endpoint !== undefined) this.#parts.seats.trust(this.#endpoint, this.#ticket);
    if (this.#options.inbound.hasBody) this.#sendBody();
  }

  #sendBody(): void {
    const { req } = this.#options;
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    const { request } = attempt;
    // A body may be long in coming, and the instance may want to answer its head.
    request.flushHeaders();
    req.once("data", () => attempt.bodyBegan());
    req.on("data", () => this.#touch());
    req.once("end", () => {
      if (req.rawTrailers.length > 0) request.addTrailers(trailersOf(req.rawTrailers));
    });
    req.pipe(request);
  }

  informed(code: number, rawHeaders: readonly string[]): void {
    const { req, res, isExpecting, backend } = this.#options;
    if (this.#isAnswered || req.httpVersion !== "1.1") return;
    this.#touch();
    if (code === 100) {
      if (isExpecting && !this.#isContinued) res.writeContinue();
      this.#isContinued = true;
      return;
    }
    const { revision } = backend;
    const headers = answerHeaders(rawHeaders, { revision, isChunked: false });
    try {
      res.writeInformation(code, headers);
    } catch {
      // It is a courtesy: what cannot be passed on is left out.
    }
  }

  answered(answer: IncomingMessage): void {
    const { req, res, backend, course } = this.#options;
    answer.on("error", () => this.#cut());
    if (this.#isAnswered) return;
    this.#deadlines.clear("start");
    if (STREAMS.test(answer.headers["content-type"] ?? "")) this.#deadlines.clear("whole");
    const isChunked =
      answer.headers["transfer-encoding"] !== undefined &&
      req.httpVersion === "1.1" &&
      req.method !== "HEAD";
    const headers = answerHeaders(answer.rawHeaders, { revision: backend.revision, isChunked });
    const through = course?.onAnswer?.(answer.statusCode ?? 502, headers);
    const reason = (answer.statusMessage ?? "").replace(NOT_IN_A_REASON, "");
    try {
      res.writeHead(answer.statusCode ?? 502, reason, headers);
    } catch (thrown) {
      const what = `sent an answer that cannot be passed on: ${(thrown as Error).message}`;
      this.#breakOff(what);
      return;
    }
    this.#isAnswered = true;
    this.#relay(answer, through);
  }

  #relay(answer: IncomingMessage, through: Transform | undefined): void {
    const { req, res } = this.#options;
    let isFlushed = false;
    answer.on("data", () => {
      isFlushed = true;
      this.#touch();
    });
    answer.once("end", () => {
      const trailers = trailersOf(answer.rawTrailers);
      if (trailers.length > 0) res.addTrailers(trailers);
      if (!req.complete) linger(req, this.#parts.clock, () => this.#attempt?.destroy());
    });
    if (through === undefined) answer.pipe(res);
    else {
      through.on("error", () => this.#cut());
      res.once("close", () => through.destroy());
      answer.pipe(through).pipe(res);
    }
    // A head goes with the first bytes of its body, but does not wait for them.
    setImmediate(() => {
      if (!isFlushed && !res.writableEnded) res.flushHeaders();
    });
  }

  upgraded(answer: IncomingMessage, socket: Socket, first: Buffer): void {
    const { res, backend, raw } = this.#options;
    if (raw === undefined || this.#isAnswered || this.#isClosed) {
      socket.destroy();
      this.#giveBack();
      return;
    }
    this.#isAnswered = true;
    this.#deadlines.clearAll();
    res.detachSocket(raw.socket);
    raw.socket.write(upgradeAnswer(answer.rawHeaders, backend.revision), "latin1");
    const { idleTimeoutMs } = backend.limits;
    const ends = { client: raw, instance: { socket, first } };
    const closed = () => {
      this.#giveBack();
      this.#options.backend.load.leave(this.#parts.clock.elapsed());
    };
    new Tunnel({ clock: this.#parts.clock, ...ends, idleTimeoutMs, closed }).start();
  }

  over(outcome: Outcome, error: NodeJS.ErrnoException | undefined): void {
    const endpoint = this.#endpoint;
    this.#attempt = undefined;
    if (outcome === "unreached" && endpoint !== undefined && !this.#isDone()) {
      this.#lastFailure = `instance "${endpoint.name}": ${reasonOf(error)}`;
      this.#parts.seats.distrust(endpoint, this.#ticket);
    }
    if (outcome === "stale" && endpoint !== undefined) this.#parts.pools.drop(endpoint);
    this.#giveBack();
    if (this.#isDone()) return;
    for (const limit of ["connect", "start", "idle"] as const) this.#deadlines.clear(limit);
    const isRetry = outcome === "stale" && !this.#hasRetried;
    if (outcome === "unreached" || isRetry) {
      this.#hasRetried ||= isRetry;
      this.#ask(true);
      return;
    }
    const what = `broke the connection before it answered: ${reasonOf(error)}`;
    this.#refuse(brokenOff(this.#options.backend, endpoint?.name ?? "", what));
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
    const { idleTimeoutMs } = this.#options.backend.limits;
    if (idleTimeoutMs !== undefined) this.#deadlines.set("idle", idleTimeoutMs);
  }

  #expire(limit: Limit): void {
    const { backend } = this.#options;
    const { timeoutMs, responseStartTimeoutMs, idleTimeoutMs } = backend.limits;
    if (limit === "connect") {
      const refused = new Error(`accepted no connection within ${LIMITS.connectMs} ms`);
      this.#attempt?.destroy(refused);
      return;
    }
    if (this.#isAnswered) {
      this.#cut();
      return;
    }
    const name = this.#endpoint?.name;
    if (name === undefined) {
      this.#refuse(waitedInVain(backend, this.#lastFailure));
      return;
    }
    const said = {
      whole: `did not answer within ${timeoutMs} ms`,
      start: `did not begin to answer within ${responseStartTimeoutMs} ms`,
      idle: `neither took nor sent a byte for ${idleTimeoutMs} ms`,
    };
    this.#refuse(tooSlow(backend, name, said[limit]));
  }

  #breakOff(what: string): void {
    this.#refuse(brokenOff(this.#options.backend, this.#endpoint?.name ?? "", what));
  }

  /** Our own answer, in place of the instance's. */
  #refuse(refusal: Refusal): void {
    if (this.#isDone()) return;
    const { req, res, inbound, course } = this.#options;
    this.#isAnswered = true;
    this.#leave();
    sendRefusal(req, res, refusal, course?.onAnswer);
    if (inbound.hasBody) {
      req.unpipe();
      req.resume();
      linger(req, this.#parts.clock);
    }
  }

  /** The answer cannot be completed, and a connection that closes early is how to say so. */
  #cut(): void {
    this.#options.res.destroy();
    this.#attempt?.destroy();
  }

  /** The client has its answer, or is gone. */
  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.backend.load.leave(this.#parts.clock.elapsed());
    this.#deadlines.clearAll();
    if (!this.#options.res.writableFinished) this.#leave();
  }

  #leave(): void {
    this.#deadlines.clearAll();
    this.#parts.seats.leave(this.#options.backend, this.#ticket);
    this.#attempt?.destroy();
  }
}

function reasonOf(error: NodeJS.ErrnoException | undefined): string {
  if (error === undefined) return "it was closed";
  return error.code === undefined ? error.message : `${error.message} (${error.code})`;
}
