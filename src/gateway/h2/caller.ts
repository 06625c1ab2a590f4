import type { Readable, Writable } from "node:stream";
import type { OnAnswer } from "../course.ts";
import type { Refusal } from "../refusal.ts";
import type { Inbound } from "../request.ts";

/** The client's end of one request, whichever protocol it speaks. */
export interface Caller {
  readonly inbound: Inbound;
  /** Its address, and how it came here. */
  readonly client: string;
  readonly scheme: "http" | "https";
  /** Errors are told in the words of gRPC. */
  readonly isGrpc: boolean;
  readonly body: Readable;
  /** Whether the body has come whole. */
  readonly isWhole: boolean;
  /** Trailers of the body, as a flat list; known when it has ended. */
  readonly rawTrailers: readonly string[];
  /** Calls once, when the answer is through or the client has gone. */
  onClose(closed: () => void): void;
  /** An informational answer, to a client that may get one. */
  inform(code: number, rawHeaders: readonly string[]): void;
  /**
   * Begins the answer, and answers with where its body goes: nowhere when it has none. Throws when
   * it cannot be passed on, and then nothing was sent.
   */
  answer(head: AnswerHead): Writable | undefined;
  /** Sends the head ahead of a body that may be long in coming. */
  flushHead(): void;
  /** To be called before the body of the answer ends. */
  trail(pairs: readonly [string, string][]): void;
  /** Answers in place of an instance. */
  refuse(refusal: Refusal, onAnswer?: OnAnswer): void;
  /** The answer has begun, and cannot be completed: `refusal` says why, to those who can hear. */
  cut(refusal: Refusal): void;
}

export interface AnswerHead {
  readonly code: number;
  readonly reason: string;
  /** A flat list, without what speaks of the connection to the instance. */
  readonly headers: readonly string[];
  readonly isBodyless: boolean;
}
