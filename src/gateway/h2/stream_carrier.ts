import { STATUS_CODES } from "node:http";
import { Facts } from "../../base/h1/facts.ts";
import { Head } from "../../base/h1/head.ts";
import type { Endpoint } from "../backend.ts";
import type { Carrier, Journey, Outgoing } from "../caller.ts";
import type { H1Answer } from "../h1/channel.ts";
import { linesOf } from "../h1/coursing.ts";
import { lastValueOf } from "../head.ts";
import { LIMITS } from "../limits.ts";
import { isBodiless } from "./fields.ts";
import type { Sessions } from "./sessions.ts";
import { type StreamAnswer, StreamErrand } from "./stream_errand.ts";

export interface StreamCarrierOptions {
  readonly endpoint: Endpoint;
  readonly outgoing: Outgoing;
  readonly journey: Journey;
  readonly sessions: Sessions;
}

/** A request on its way to an instance of HTTP/2. */
export class StreamCarrier implements Carrier {
  readonly #journey: Journey;
  readonly #errand: StreamErrand;
  #body: StreamAnswer["body"] | undefined;
  #isBegun = false;

  constructor({ endpoint, outgoing, journey, sessions }: StreamCarrierOptions) {
    this.#journey = journey;
    const { method, hasBody } = outgoing;
    this.#errand = new StreamErrand({
      ...{ endpoint, sessions, outgoing },
      events: {
        connecting: () => journey.connecting(),
        connected: () => journey.connected(),
        informed: (code, rawHeaders) => {
          if (code !== 100) journey.informed(new AnswerOfStream(method, { code, rawHeaders }));
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
    // It is only lent, and Node keeps what it has not sent yet.
    return this.#errand.body.write(Buffer.from(bytes));
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

  #answered(method: string, answer: StreamAnswer): void {
    const journey = this.#journey;
    const { body, rawTrailers, isTorn } = answer;
    this.#body = body;
    journey.answered(new AnswerOfStream(method, answer));
    journey.flush();
    body.on("error", () => {});
    body.on("data", (bytes: Buffer) => {
      if (!journey.received(bytes, 0, bytes.length, true)) body.pause();
      journey.flush();
    });
    body.on("end", () => {
      if (!isTorn()) journey.ended(rawTrailers());
    });
  }
}

/** A head of HTTP/2. Callers of HTTP/1.1 see it in their form, read by the same rules. */
class AnswerOfStream implements H1Answer {
  readonly code: number;
  readonly isStream: boolean;
  readonly bodyBytes: number;
  readonly #answer: HeadOfAnswer;
  #head: Head | undefined;
  #facts: Facts | undefined;

  constructor(method: string, answer: HeadOfAnswer) {
    const { code, rawHeaders, isBodyless = false } = answer;
    this.#answer = answer;
    this.code = code;
    this.isStream = STREAMS.test(lastValueOf(rawHeaders, "content-type") ?? "");
    const isEmpty = isBodyless || isBodiless(method, code);
    this.bodyBytes = isEmpty ? 0 : Number(lastValueOf(rawHeaders, "content-length") ?? -1);
  }

  get head(): Head {
    this.#head ??= this.#parse();
    return this.#head;
  }

  get facts(): Facts {
    if (this.#facts === undefined) {
      this.#facts = new Facts();
      this.#facts.read(this.head, false);
    }
    return this.#facts;
  }

  rawHeaders(): string[] {
    return [...this.#answer.rawHeaders];
  }

  #parse(): Head {
    const { code, rawHeaders } = this.#answer;
    const text = `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ""}\r\n${linesOf([...rawHeaders])}\r\n`;
    const bytes = Buffer.from(text, "latin1");
    const head = new Head(LIMITS);
    head.readAnswer(bytes, 0, bytes.length);
    return head;
  }
}

type HeadOfAnswer = Pick<StreamAnswer, "code" | "rawHeaders"> & {
  readonly isBodyless?: boolean;
};

/** Answers that go on for as long as both sides like (O-2): bounded by silence alone. */
const STREAMS = /^(?:text\/event-stream|application\/grpc|application\/connect\+)/i;
