import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { calmTurn } from "./calm_turn.ts";
import type { Clients } from "./clients.ts";
import type { DeadlineQueue } from "./deadline_queue.ts";
import { firstOf, PREFACE, SWITCHING, upgradeFrame } from "./h2/upgrade.ts";
import { LIMITS } from "./limits.ts";
import { type Decide, Undecided } from "./undecided.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Who serves connections of one protocol. `first` has been read already. */
export interface Service {
  take(socket: Socket, first?: Buffer): void;
  close(): Promise<void>;
  /** Cuts all that is open. */
  destroy(): void;
}

export interface FrontOptions {
  readonly clock: Clock;
  readonly deadlines: DeadlineQueue;
  /** Of all fronts together. */
  readonly clients: Clients;
  readonly h1: Service;
  readonly h2: Service;
}

/** No method of HTTP/1.1 begins with these many of them. */
const TELLING_BYTES = 4;

/** Owns the plain port, and gives each connection to who speaks its protocol. */
export class Front {
  readonly #options: FrontOptions;
  readonly #server: Server;
  readonly #undecided: Undecided;
  readonly #decide: Decide = (bytes, socket) => {
    const { h1, h2 } = this.#options;
    const known = Math.min(bytes.length, TELLING_BYTES);
    if (bytes.compare(PREFACE, 0, known, 0, known) === 0) {
      if (known < TELLING_BYTES) return undefined;
      return () => h2.take(socket, bytes);
    }
    const request = upgradeFrame(bytes);
    if (request === undefined) return () => h1.take(socket, bytes);
    return () => this.#upgrade(socket, request);
  };

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#undecided = new Undecided(options.deadlines);
    this.#server = createServer({ noDelay: true }, (socket) => this.#take(socket));
    this.#server.maxConnections = LIMITS.connectionsMax;
  }

  /** Port 0 is any free one; answers with the one it is. Several processes may share one. */
  async listen({ host, port }: Address): Promise<Address> {
    return { host, port: await listenOn(this.#server, { host, port }) };
  }

  /** Takes no more connections, and lets the open ones finish. Resolves when all are closed. */
  async close(): Promise<void> {
    const { h1, h2, clock } = this.#options;
    await calmTurn(clock);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    // Whoever has just connected may be about to say something.
    using _farewell = clock.after(LIMITS.farewellMs, () => this.#undecided.destroyAll());
    await Promise.all([h1.close(), h2.close(), closed]);
  }

  /** Cuts all that is open, over TLS too: whoever waits there gets no answer. */
  destroy(): void {
    const { h1, h2 } = this.#options;
    h1.destroy();
    h2.destroy();
  }

  /** The first bytes decide; until they do, the connection is nobody's. */
  #take(socket: Socket): void {
    if (this.#options.clients.admit(socket)) this.#undecided.read(socket, this.#decide);
  }

  /** Answers that it goes on in HTTP/2, and waits for how such a client begins. */
  #upgrade(socket: Socket, request: Buffer): void {
    const { h2 } = this.#options;
    this.#undecided.read(socket, (bytes) => {
      const first = firstOf(bytes, request);
      if (first === undefined) return undefined;
      return first === "bad" ? () => socket.destroy() : () => h2.take(socket, first);
    });
    socket.write(SWITCHING);
  }
}

/** Begins to listen, on a port that several processes may share; answers with the port. */
export async function listenOn(server: Server, { host, port }: Address): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  const reusePort = process.platform === "linux";
  server.listen({ host, port, reusePort, backlog: 4096 }, resolve);
  await promise;
  server.off("error", reject);
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
