import type { Socket } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { Head } from "../../base/h1/head.ts";
import type { ExchangeParts } from "../exchange_parts.ts";
import { ReadBuffers } from "../h1/read_buffers.ts";
import { LIMITS } from "../limits.ts";
import type { Routing } from "../route.ts";
import { Connection } from "./connection.ts";
import type { Attack } from "./defences.ts";
import { HEADS_OF_LISTS, OwnFields } from "./head_writer.ts";
import type { StreamParts } from "./stream_parts.ts";
import { Chunks, Turn } from "./turn.ts";

export interface StreamListenerOptions extends ExchangeParts, Routing {
  /** Where connections that are closed for what they do are counted. */
  readonly counts: Record<Attack, number>;
}

const NOTHING = Buffer.alloc(0);
const SWEEP_MS = 100;

/** All connections of clients of HTTP/2. */
export class StreamListener {
  readonly #clock: Clock;
  readonly #parts: StreamParts;
  readonly #open = new Set<Connection>();
  #isClosing = false;

  constructor(options: StreamListenerOptions) {
    const { clock } = options;
    this.#clock = clock;
    this.#parts = {
      ...options,
      ...{ turn: new Turn(), chunks: new Chunks(), buffers: new ReadBuffers() },
      ...{ own: new OwnFields(clock), rows: new Head(HEADS_OF_LISTS) },
      closed: (connection) => void this.#open.delete(connection),
    };
  }

  /** A connection whose first bytes are those of HTTP/2, and what was read of it already. */
  take(socket: Socket, first: Buffer = NOTHING): void {
    const isTls = "encrypted" in socket && socket.encrypted === true;
    const connection = new Connection(this.#parts, { socket, isTls, first });
    this.#open.add(connection);
    if (this.#isClosing) connection.warn();
    socket.resume();
  }

  destroy(): void {
    for (const connection of this.#open) connection.destroy();
  }

  /**
   * Tells clients that the end is near; what they have sent until they know of it is served. Then
   * no more, and it resolves when the last stream is done.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const connection of this.#open) connection.warn();
    if (this.#open.size > 0) await this.#clock.sleep(LIMITS.farewellMs);
    while (this.#open.size > 0) {
      for (const connection of this.#open) connection.leave();
      await this.#clock.sleep(SWEEP_MS);
    }
  }
}
