import type { Readable, Writable } from "node:stream";
import type { Outcome } from "../caller.ts";

/** The answer of an instance, whichever protocol it speaks. */
export interface Answer {
  readonly code: number;
  /** The words beside the code, which HTTP/2 has none of. */
  readonly reason: string;
  /** A flat list of names and values. */
  readonly rawHeaders: readonly string[];
  readonly body: Readable;
  /** Trailers, as a flat list; known when the body has ended. */
  readonly rawTrailers: () => readonly string[];
  readonly isBodyless: boolean;
  /** Asked when the body has ended: whether that was all of it. */
  readonly isTorn: () => boolean;
}

export interface ErrandEvents {
  /** No connection was left over from before, so one is being made. */
  connecting(): void;
  /** There is a connection: the body may follow. */
  connected(): void;
  informed(code: number, rawHeaders: readonly string[]): void;
  answered(answer: Answer): void;
  /** The instance is done with this request, in the words of `Outcome`. Nothing follows. */
  over(outcome: Outcome, error: NodeJS.ErrnoException | undefined): void;
}

/** One request on its way to one instance, whichever protocol that speaks. */
export interface Errand {
  /** Where the body goes, which is to be ended also when there is none. */
  readonly body: Writable;
  /** Sends the head ahead of a body that may be long in coming. */
  flushHead(): void;
  /** To be called when the first byte of the body is taken from the client. */
  bodyBegan(): void;
  /** To be called before the body ends. */
  trail(pairs: readonly [string, string][]): void;
  /** Ends it: `over` follows, with this as its error. */
  destroy(error?: Error): void;
}
