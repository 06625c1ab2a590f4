import type { Socket } from "node:net";
import type { Clock } from "../../base/clock.ts";
import type { DateLine } from "../../base/h1/date_line.ts";
import type { ExchangeParts } from "../exchange_parts.ts";
import type { Routing } from "../route.ts";
import type { AskingParts } from "./asking.ts";
import type { Client } from "./client.ts";
import type { ReadBuffers } from "./read_buffers.ts";

/** What all connections of clients of a worker have in common. */
export interface ClientParts extends ExchangeParts, AskingParts, Routing {
  readonly buffers: ReadBuffers;
  readonly clock: Clock;
  /** The worker ends: each answer is the last of its connection. */
  readonly isClosing: () => boolean;
  readonly dateLine: DateLine;
  /** Nothing of it is left. */
  readonly closed: (client: Client) => void;
}

export interface ClientOptions {
  readonly socket: Socket;
  readonly isTls: boolean;
  /** What was read of it already. */
  readonly first: Buffer;
}
