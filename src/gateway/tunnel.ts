import type { Socket } from "node:net";
import type { DeadlineQueue } from "./deadline_queue.ts";
import { Deadlines, type Limited } from "./deadlines.ts";
import { AWAY_TO_CLIENT, AWAY_TO_INSTANCE, Frames } from "./frames.ts";
import { LIMITS } from "./limits.ts";

/** One side: its connection, and what has come there ahead. */
interface End {
  readonly socket: Socket;
  readonly first: Buffer;
}

export interface TunnelOptions {
  readonly deadlines: DeadlineQueue;
  readonly client: End;
  readonly instance: End;
  readonly idleTimeoutMs: number | undefined;
  readonly isWebSocket: boolean;
  /** Both sides are closed. */
  readonly closed: () => void;
}

/** Finds the dead among peers that say nothing for long. */
const PROBE_MS = 30_000;

/**
 * Two connections that have left HTTP: bytes go both ways as they are. Whoever reads a socket hands
 * its bytes over here, and the socket that is slower stops the other.
 */
export class Tunnel implements Limited {
  readonly #options: TunnelOptions;
  readonly #deadlines: Deadlines;
  /** Of a WebSocket, which can be ended between two frames alone. */
  readonly #toClient = new Frames();
  readonly #toInstance = new Frames();
  #isRetiring = false;
  #hasLeftClient = false;
  #hasLeftInstance = false;
  #isClientOpen = true;
  #isInstanceOpen = true;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.deadlines, this);
  }

  start(): void {
    const { client, instance } = this.#options;
    for (const { socket } of [client, instance]) {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, PROBE_MS);
    }
    instance.socket.on("drain", () => client.socket.resume());
    instance.socket.on("close", () => this.#instanceClosed());
    this.#touch();
    if (client.first.length > 0) this.fromClient(client.first);
    if (instance.first.length > 0) this.fromInstance(instance.first);
    // It may have closed while the instance was making up its mind.
    if (client.socket.destroyed) this.clientClosed();
  }

  fromClient(bytes: Buffer): void {
    this.#touch();
    const { client, instance, isWebSocket } = this.#options;
    if (this.#hasLeftInstance) return;
    const end = isWebSocket ? this.#toInstance.feed(bytes) : -1;
    const isLast = this.#isRetiring && end >= 0;
    if (!instance.socket.write(isLast ? bytes.subarray(0, end) : bytes)) client.socket.pause();
    if (isLast) this.#leaveInstance();
  }

  fromInstance(bytes: Buffer): void {
    this.#touch();
    const { client, instance, isWebSocket } = this.#options;
    if (this.#hasLeftClient) return;
    const end = isWebSocket ? this.#toClient.feed(bytes) : -1;
    const isLast = this.#isRetiring && end >= 0;
    if (!client.socket.write(isLast ? bytes.subarray(0, end) : bytes)) instance.socket.pause();
    if (isLast) this.#leaveClient();
  }

  clientDrained(): void {
    this.#options.instance.socket.resume();
  }

  clientClosed(): void {
    if (!this.#isClientOpen) return;
    this.#isClientOpen = false;
    // What it had sent is on its way there, and goes before the end.
    this.#options.instance.socket.destroySoon();
    this.#sideClosed();
  }

  /**
   * Asks both sides of a WebSocket to end, by the frame that says so, between two of theirs:
   * clients then come again, and to whoever serves now. Of other protocols we do not know how.
   */
  retire(): void {
    if (!this.#options.isWebSocket || this.#isRetiring) return;
    this.#isRetiring = true;
    if (this.#toClient.isBetween) this.#leaveClient();
    if (this.#toInstance.isBetween) this.#leaveInstance();
    this.#deadlines.set("whole", LIMITS.lingerMs);
  }

  #leaveClient(): void {
    this.#hasLeftClient = true;
    this.#options.client.socket.write(AWAY_TO_CLIENT);
    this.#endIfLeft();
  }

  #leaveInstance(): void {
    this.#hasLeftInstance = true;
    this.#options.instance.socket.write(AWAY_TO_INSTANCE);
    this.#endIfLeft();
  }

  /** Both have been told: their answers are not waited for longer than this. */
  #endIfLeft(): void {
    if (this.#hasLeftClient && this.#hasLeftInstance) {
      this.#deadlines.set("whole", LIMITS.lastWordMs);
    }
  }

  #instanceClosed(): void {
    if (!this.#isInstanceOpen) return;
    this.#isInstanceOpen = false;
    this.#options.client.socket.destroySoon();
    this.#sideClosed();
  }

  #sideClosed(): void {
    if (this.#isClientOpen || this.#isInstanceOpen) return;
    this.#deadlines.end();
    this.#options.closed();
  }

  #touch(): void {
    const { idleTimeoutMs } = this.#options;
    if (idleTimeoutMs !== undefined) this.#deadlines.set("idle", idleTimeoutMs);
  }

  /** Whichever it is. */
  expire(): void {
    this.#options.client.socket.destroy();
    this.#options.instance.socket.destroy();
  }
}
