import type { Answer, Call } from "./call.ts";
import type { Clock } from "./clock.ts";
import type { DateLine } from "./h1/date_line.ts";
import type { Facts } from "./h1/facts.ts";
import type { FramingLimits } from "./h1/framing.ts";
import type { Head, HeadLimits } from "./h1/head.ts";
import type { Route, Routes } from "./routes.ts";

export interface ConnectionLimits extends HeadLimits, FramingLimits {
  readonly headBytesMax: number;
  readonly bodyBytesMax: number;
  /** How long a head may take to arrive, and then a body that is read as a whole. */
  readonly headMs: number;
  readonly bodyMs: number;
  /** How long a body that is streamed may pause. */
  readonly pauseMs: number;
  /** A connection without a request is closed after this. */
  readonly keepAliveMs: number;
}

/** What all connections of a server share. */
export interface Serving {
  readonly limits: ConnectionLimits;
  readonly routes: Routes;
  /** Answers what there is no other route for. */
  readonly unknown: Route;
  readonly clock: Clock;
  readonly dateLine: DateLine;
  /** That a connection stays, and for how long without a request. */
  readonly keepAliveLines: string;
  /** Each connection is done with these in the turn that it uses them. */
  readonly head: Head;
  readonly facts: Facts;
  /** For trailers. */
  readonly spare: Head;
  readonly onRequest: (call: Call) => Promise<void> | void;
  readonly onError: (thrown: unknown, call: Call) => Answer;
}
