import type { Socket } from "node:net";
import type { Endpoint } from "./backend.ts";
import type { Course } from "./course.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Refusal } from "./refusal.ts";

/** A request as it goes to an instance, whatever protocol it came by and goes on by. */
export interface Outgoing {
  readonly method: string;
  /** "/path?query", or "*". */
  readonly target: string;
  readonly authority: string;
  readonly hasBody: boolean;
  /** The body has no length that is known ahead. */
  readonly isChunked: boolean;
  /** The protocol to change to, such as "websocket". */
  readonly upgrade: string | undefined;
  /** The whole head for an instance of HTTP/1.1, as latin1, with the empty line. */
  readonly text: string;
  /** The same headers as a flat list of names and values, for instances of HTTP/2. */
  headers(): readonly string[];
}

/** The head of an answer. It is only lent: valid until the call that hands it over returns. */
export interface AnswerHead {
  readonly code: number;
  /** It goes on for as long as both sides like: events, or gRPC. Bounded by silence alone. */
  readonly isStream: boolean;
  /** Bytes of the body that follow; -1 when that is not known ahead. */
  readonly bodyBytes: number;
  /** As a flat list of names and values, as the instance sent them. */
  rawHeaders(): string[];
}

/** One request's way to one instance: what `Carriers.open` answers with. */
export interface Carrier {
  /** A piece of the body. False: it is only lent, and no more follows, until `Journey.flowing`. */
  send(bytes: Buffer): boolean;
  /** The body is whole. Trailers as a flat list of names and values. */
  sendEnd(trailers: readonly string[]): void;
  /** Stops and goes on with the answer's body, at the pace of the client. */
  pause(): void;
  resume(): void;
  /** Ends it: `over` follows, with this as its error. Twice, or when it is over, does no harm. */
  destroy(error?: Error): void;
}

/**
 * How one attempt ended. `unreached`: no connection, so nothing was sent. `stale`: a connection
 * that was kept open turned out to be closed, and nothing can have happened twice if the request
 * is sent once more. `broken`: the instance may have acted on it. `answered`: an answer began.
 */
export type Outcome = "answered" | "unreached" | "stale" | "broken";

/** What a carrier tells of its request: the side of the exchange that faces the instance. */
export interface Journey {
  /** No connection was left over from before, so one is being made. */
  connecting(): void;
  /** There is a connection: the body may follow. */
  connected(): void;
  /** The body may go on. */
  flowing(): void;
  /** An answer ahead of the answer: 100 to 199, without 101. */
  informed(head: AnswerHead): void;
  answered(head: AnswerHead): void;
  /**
   * A piece of the answer's body, lent until this returns. False: no more until `Carrier.resume`,
   * and it stays lent until then where `isLasting`.
   */
  received(bytes: Uint8Array, from: number, to: number, isLasting: boolean): boolean;
  /** The answer is whole. Trailers as a flat list of names and values. */
  ended(trailers: readonly string[]): void;
  /** All that was read at once has been told: what was kept together may go. */
  flush(): void;
  /** The connection speaks another protocol from now on, and belongs to the exchange. */
  upgraded(head: AnswerHead, wire: Wire, first: Buffer): void;
  /** The connection is no longer this request's. Nothing follows. */
  over(outcome: Outcome, error: NodeJS.ErrnoException | undefined): void;
}

/** Makes carriers, and keeps the connections that they leave for the next. */
export interface Carriers {
  /** `isFresh` asks for a connection of its own, since one that was kept has failed. */
  open(endpoint: Endpoint, outgoing: Outgoing, journey: Journey, isFresh: boolean): Carrier;
  /** Closes what is kept, and what is in use once it is done. */
  drop(endpoint: Endpoint): void;
}

/** Who asked: one request of one client, whatever protocol it speaks. */
export interface Caller {
  readonly deadlines: Deadlines;
  readonly outgoing: Outgoing;
  /** What rules and policies have decided; nothing where there are none. */
  readonly course: Course | undefined;
  /** The address at the other end of its connection. */
  readonly address: string;
  /** The body may flow, by `Exchange.send`; or may go on. */
  pull(): void;
  informed(head: AnswerHead): void;
  /** The answer's head, of this revision. */
  answered(head: AnswerHead, revision: string): void;
  /** A piece of the answer's body, lent as to `Journey.received`, until `Exchange.resume`. */
  received(bytes: Uint8Array, from: number, to: number, isLasting: boolean): boolean;
  ended(trailers: readonly string[]): void;
  flush(): void;
  /** The answer cannot be completed, and must not look as if it were. */
  cut(): void;
  /** An answer of the gateway's own, instead of the instance's. */
  refused(refusal: Refusal): void;
  /** The answer is 101: this wire and the client's are joined by the caller, until both end. */
  upgraded(head: AnswerHead, revision: string, wire: Wire, first: Buffer): void;
  /** What was upgraded is to end. */
  retire(): void;
}

/** A connection that has left HTTP. Bytes that come are the taker's. */
export interface Wire {
  readonly socket: Socket;
  onBytes(take: (bytes: Buffer) => void): void;
}
