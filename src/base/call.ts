import type { IncomingHttpHeaders } from "node:http";
import type { Duplex, Readable } from "node:stream";
import type { Outlet } from "./outlet.ts";

/** One request, as a handler sees it. */
export interface Call {
  readonly method: string;
  /** As it was sent, without the query. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Each value of a header that may be sent several times. */
  all(header: string): readonly string[];
  /** Where it comes from. */
  readonly address: string;
  /** Whom a certificate says it is, when one was shown that the clients' authority has signed. */
  readonly peer: Peer | undefined;
  /** Empty when there was none, and on routes that stream. */
  readonly body: Buffer;
  /** The body as it comes, on routes that stream. */
  readonly stream: Readable | undefined;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
  /** The caller asks for a WebSocket, so that the answer may be to take over the connection. */
  readonly isUpgrade: boolean;
}

/** The subject of a certificate. */
export interface Peer {
  readonly name: string;
  readonly organizations: readonly string[];
}

/** A connection that speaks no HTTP any more, with the request that it began with. */
export interface Upgraded {
  readonly request: Pick<Call, "method" | "headers">;
  readonly socket: Duplex;
  /** What came behind the request already. */
  readonly head: Buffer;
}

/**
 * What goes back: a value as JSON, text, bytes or a `Readable` as they are, or a stream that is
 * written to. A `Readable` goes at the speed of the caller, and is destroyed when they leave.
 */
export interface Answer {
  readonly code: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
  readonly write?: (outlet: Outlet) => Promise<void>;
  /** Only where the call is an upgrade: whoever takes the connection answers on it. */
  readonly take?: (upgraded: Upgraded) => void;
}

export type Handler = (call: Call) => Answer | Promise<Answer>;
