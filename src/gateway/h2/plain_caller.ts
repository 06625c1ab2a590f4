import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Readable, Writable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { linger, sendRefusal } from "../answer.ts";
import type { OnAnswer } from "../course.ts";
import { answerHeaders } from "../head.ts";
import type { Refusal } from "../refusal.ts";
import type { Inbound } from "../request.ts";
import type { AnswerHead, Caller } from "./caller.ts";
import { schemeOf } from "./fields.ts";

const NOT_IN_A_REASON = /[^\t\x20-\x7e\x80-\xff]/g;

export interface PlainCallerOptions {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly inbound: Inbound;
  /** The client sends its body only after a 100 (Continue). */
  readonly isExpecting: boolean;
  readonly clock: Clock;
}

/** A client of HTTP/1.1, whose request goes to an instance of HTTP/2. */
export class PlainCaller implements Caller {
  readonly #options: PlainCallerOptions;
  readonly inbound: Inbound;
  readonly client: string;
  readonly scheme: "http" | "https";
  readonly isGrpc = false;

  constructor(options: PlainCallerOptions) {
    this.#options = options;
    const { req, inbound, isExpecting, res } = options;
    this.inbound = inbound;
    this.client = req.socket.remoteAddress ?? "unknown";
    this.scheme = schemeOf(req);
    // Instances of HTTP/2 seldom say so themselves.
    if (isExpecting) res.writeContinue();
    res.on("error", () => {});
  }

  get body(): Readable {
    return this.#options.req;
  }

  get isWhole(): boolean {
    return this.#options.req.complete;
  }

  get rawTrailers(): readonly string[] {
    return this.#options.req.rawTrailers;
  }

  onClose(closed: () => void): void {
    this.#options.res.once("close", closed);
  }

  inform(code: number, rawHeaders: readonly string[]): void {
    const { req, res } = this.#options;
    if (req.httpVersion !== "1.1" || code === 100) return;
    const headers = answerHeaders(rawHeaders, { revision: "", isChunked: false }).slice(0, -2);
    res.writeInformation(code, headers);
  }

  answer({ code, reason, headers }: AnswerHead): Writable {
    const { res } = this.#options;
    const words = reason === "" ? (STATUS_CODES[code] ?? "") : reason;
    res.writeHead(code, words.replace(NOT_IN_A_REASON, ""), [...headers]);
    return res;
  }

  flushHead(): void {
    const { res } = this.#options;
    if (!res.writableEnded) res.flushHeaders();
  }

  trail(pairs: readonly [string, string][]): void {
    const { req, res } = this.#options;
    // It has no effect on an answer that is not chunked.
    if (req.httpVersion === "1.1") res.addTrailers([...pairs]);
  }

  refuse(refusal: Refusal, onAnswer?: OnAnswer): void {
    const { req, res, inbound, clock } = this.#options;
    if (res.headersSent || res.destroyed) return;
    sendRefusal(req, res, refusal, onAnswer);
    if (!inbound.hasBody) return;
    req.unpipe();
    req.resume();
    linger(req, clock);
  }

  cut(): void {
    this.#options.res.destroy();
  }
}
