import type { ExchangeParts } from "../exchange_parts.ts";
import type { ReadBuffers } from "../h1/read_buffers.ts";
import type { Routing } from "../route.ts";
import type { Connection } from "./connection.ts";
import type { Attack } from "./defences.ts";
import type { HeadParts } from "./head_writer.ts";
import type { OutputParts } from "./output.ts";

/** What all connections of clients of HTTP/2 of a worker have in common. */
export interface StreamParts extends ExchangeParts, Routing, HeadParts, OutputParts {
  /** Where connections that are closed for what they do are counted. */
  readonly counts: Record<Attack, number>;
  readonly buffers: ReadBuffers;
  /** Nothing of it is left. */
  readonly closed: (connection: Connection) => void;
}
