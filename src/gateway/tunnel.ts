import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { Deadlines } from "./deadlines.ts";

/** One side: its connection, and what has come there ahead. */
interface End {
  readonly socket: Socket;
  readonly first: Buffer;
}

export interface TunnelOptions {
  readonly clock: Clock;
  readonly client: End;
  readonly instance: End;
  readonly idleTimeoutMs: number | undefined;
  /** Both sides are closed. */
  readonly closed: () => void;
}

/** Finds the dead among peers that say nothing for long. */
const PROBE_MS = 30_000;

/** Two connections that have left HTTP: bytes go both ways as they are. */
export class Tunnel {
  readonly #options: TunnelOptions;
  readonly #deadlines: Deadlines;
  #openSides = 2;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock, () => this.#destroy());
  }

  start(): void {
    const { client, instance } = this.#options;
    this.#join(client, instance);
    this.#join(instance, client);
    this.#touch();
  }

  #join(from: End, to: End): void {
    const { socket } = from;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, PROBE_MS);
    socket.on("error", () => this.#destroy());
    // It may have closed while the instance was making up its mind.
    if (socket.closed) this.#sideClosed(to);
    else socket.on("close", () => this.#sideClosed(to));
    socket.on("data", () => this.#touch());
    if (from.first.length > 0) to.socket.write(from.first);
    socket.pipe(to.socket);
  }

  #sideClosed(other: End): void {
    this.#openSides -= 1;
    // What it had sent is on its way there, and goes before the end.
    other.socket.destroySoon();
    if (this.#openSides > 0) return;
    this.#deadlines.clearAll();
    this.#options.closed();
  }

  #touch(): void {
    const { idleTimeoutMs } = this.#options;
    if (idleTimeoutMs !== undefined) this.#deadlines.set("idle", idleTimeoutMs);
  }

  #destroy(): void {
    this.#options.client.socket.destroy();
    this.#options.instance.socket.destroy();
  }
}
