import { STATUS_CODES } from "node:http";
import type { Endpoint } from "../backend.ts";
import type { Carrier, Journey, Outgoing } from "../caller.ts";
import { type H1Answer, isStreamType } from "../h1/channel.ts";
import { Facts } from "../h1/facts.ts";
import { Head } from "../h1/head.ts";
import { hostOf, type Inbound } from "../request.ts";
import type { Answer } from "./errand.ts";
import type { Sessions } from "./sessions.ts";
import { StreamErrand } from "./stream_errand.ts";

export interface StreamCarrierOptions {
  readonly endpoint: Endpoint;
  readonly outgoing: Outgoing;
  readonly journey: Journey;
  readonly sessions: Sessions;
}

const UNFIT = /[^\t\x20-\x7e\x80-\xff]/g;

/** A request of a client of HTTP/1.1 on its way to an instance of HTTP/2. */
export class StreamCarrier implements Carrier {
  readonly #journey: Journey;
  readonly #errand: StreamErrand;
  #body: Answer["body"] | undefined;
  #isBegun = false;

  constructor({ endpoint, outgoing, journey, sessions }: StreamCarrierOptions) {
    this.#journey = journey;
    const headers = outgoing.headers();
    const { method, target, authority, hasBody, isChunked } = outgoing;
    const host = hostOf(authority) ?? "";
    const head: Inbound = {
      ...{ method, target, authority, hasBody, isChunked, host },
      rawHeaders: headers,
      upgrade: undefined,
    };
    this.#errand = new StreamErrand({
      ...{ endpoint, sessions, head, headers },
      events: {
        connecting: () => journey.connecting(),
        connected: () => journey.connected(),
        informed: (code, rawHeaders) => {
          if (code !== 100) journey.informed(read(method, { code, reason: "", rawHeaders }));
        },
        answered: (answer) => this.#answered(method, answer),
        over: (outcome, error) => journey.over(outcome, error),
      },
    });
    this.#errand.body.on("drain", () => journey.flowing());
    if (!hasBody) this.#errand.body.end();
  }

  send(bytes: Buffer): boolean {
    if (!this.#isBegun) this.#errand.bodyBegan();
    this.#isBegun = true;
    return this.#errand.body.write(bytes);
  }

  sendEnd(trailers: readonly string[]): void {
    const pairs: [string, string][] = [];
    for (let at = 0; at < trailers.length; at += 2) {
      pairs.push([trailers[at] ?? "", trailers[at + 1] ?? ""]);
    }
    if (pairs.length > 0) this.#errand.trail(pairs);
    this.#errand.body.end();
  }

  pause(): void {
    this.#body?.pause();
  }

  resume(): void {
    this.#body?.resume();
  }

  destroy(error?: Error): void {
    this.#errand.destroy(error);
  }

  #answered(method: string, answer: Answer): void {
    const journey = this.#journey;
    const { body, rawTrailers, isTorn } = answer;
    this.#body = body;
    journey.answered(read(method, answer));
    journey.flush();
    body.on("error", () => {});
    body.on("data", (bytes: Buffer) => {
      if (!journey.received(bytes, 0, bytes.length)) body.pause();
      journey.flush();
    });
    body.on("end", () => {
      if (!isTorn()) journey.ended(rawTrailers());
    });
  }
}

/** A head of HTTP/2 as one of HTTP/1.1, read by the same rules. */
function read(method: string, answer: Pick<Answer, "code" | "reason" | "rawHeaders">): H1Answer {
  const { code, rawHeaders } = answer;
  const reason = answer.reason === "" ? (STATUS_CODES[code] ?? "") : answer.reason;
  let text = `HTTP/1.1 ${code} ${reason.replace(UNFIT, "")}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    text += `${rawHeaders[at]}: ${(rawHeaders[at + 1] ?? "").replace(UNFIT, "")}\r\n`;
  }
  const bytes = Buffer.from(`${text}\r\n`, "latin1");
  const head = new Head();
  const facts = new Facts();
  head.readAnswer(bytes, 0, bytes.length);
  facts.read(head, false);
  const isEmpty = method === "HEAD" || code === 204 || code === 304;
  return {
    ...{ head, facts, code },
    isStream: isStreamType(head, facts),
    bodyBytes: isEmpty ? 0 : facts.length,
    rawHeaders: () => head.rawHeaders(),
  };
}
