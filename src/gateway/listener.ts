import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { DateLine } from "../base/h1/date_line.ts";
import { Facts } from "../base/h1/facts.ts";
import { Head } from "../base/h1/head.ts";
import type { ExchangeParts } from "./exchange_parts.ts";
import { Client } from "./h1/client.ts";
import type { ClientParts } from "./h1/client_parts.ts";
import { ReadBuffers } from "./h1/read_buffers.ts";
import { LIMITS } from "./limits.ts";
import type { Routing } from "./route.ts";

export interface ListenerOptions extends ExchangeParts, Routing {
  readonly clock: Clock;
}

const NOTHING = Buffer.alloc(0);
/** How often a listener that closes looks for connections that are done. */
const SWEEP_MS = 100;

/** All connections of HTTP/1.1. */
export class Listener {
  readonly #clock: Clock;
  readonly #parts: ClientParts;
  readonly #clients = new Set<Client>();
  #isClosing = false;

  constructor(options: ListenerOptions) {
    const { clock, deadlines, seats, carriers, rules, isSettled, turnedAway } = options;
    const { witness, mirrors, endless } = options;
    this.#clock = clock;
    this.#parts = {
      ...{ clock, deadlines, seats, carriers, rules, isSettled, witness, mirrors, endless },
      turnedAway,
      ...{ head: new Head(LIMITS), facts: new Facts(), spare: new Head(LIMITS) },
      ...{ dateLine: new DateLine(clock), buffers: new ReadBuffers() },
      isClosing: () => this.#isClosing,
      closed: (client) => void this.#clients.delete(client),
    };
  }

  /** A connection that is being read, and what was read of it already. */
  take(socket: Socket, first: Buffer = NOTHING): void {
    const isTls = "encrypted" in socket && socket.encrypted === true;
    this.#clients.add(new Client(this.#parts, { socket, isTls, first }));
  }

  destroy(): void {
    for (const client of this.#clients) client.destroy();
  }

  /**
   * Lets open requests finish. A client whose connection is idle may use it a last time for a
   * moment, since it may be about to. Resolves when all are closed.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#parts.endless.close();
    const farewell = this.#clock.elapsed() + LIMITS.farewellMs;
    while (this.#clients.size > 0) {
      await this.#clock.sleep(SWEEP_MS);
      if (this.#clock.elapsed() < farewell) continue;
      for (const client of this.#clients) if (client.isIdle) client.close();
    }
  }
}
