import type { IncomingMessage } from "node:http";
import type { Writable } from "node:stream";
import { Attempt, type AttemptOptions, type Outcome } from "../attempt.ts";
import type { Errand, ErrandEvents } from "./errand.ts";
import { isBodiless } from "./fields.ts";

/** A request to an instance of HTTP/1.1. */
export class PlainErrand implements Errand {
  readonly #attempt: Attempt;

  constructor(options: Omit<AttemptOptions, "events">, events: ErrandEvents) {
    const { method } = options.head;
    this.#attempt = new Attempt({
      ...options,
      events: {
        connecting: () => events.connecting(),
        connected: () => events.connected(),
        informed: (code, rawHeaders) => events.informed(code, rawHeaders),
        answered: (answer) => events.answered(read(answer, method)),
        // No errand asks for another protocol.
        upgraded: (_, socket) => socket.destroy(),
        over: (outcome: Outcome, error) => events.over(outcome, error),
      },
    });
  }

  get body(): Writable {
    return this.#attempt.request;
  }

  flushHead(): void {
    this.#attempt.request.flushHeaders();
  }

  bodyBegan(): void {
    this.#attempt.bodyBegan();
  }

  trail(pairs: readonly [string, string][]): void {
    this.#attempt.request.addTrailers([...pairs]);
  }

  destroy(error?: Error): void {
    this.#attempt.destroy(error);
  }
}

function read(answer: IncomingMessage, method: string) {
  const { statusCode: code = 502, statusMessage: reason = "", rawHeaders } = answer;
  const rawTrailers = () => answer.rawTrailers;
  const isBodyless = isBodiless(method, code);
  const isTorn = () => !answer.complete;
  return { code, reason, rawHeaders, body: answer, rawTrailers, isBodyless, isTorn };
}
