import type { Socket } from "node:net";
import { type Counter, count } from "./attendant.ts";
import { lineOf } from "./client_address.ts";
import { LIMITS } from "./limits.ts";

/**
 * Counts open connections, on whichever port: all of them, and those of each client, for no one
 * client may have all there are.
 */
export class Clients {
  readonly #clients = new Map<string, Counted>();
  #open = 0;

  /** Counts it, or closes it and answers with false. */
  admit(socket: Socket): boolean {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined) {
      // It is gone already.
      socket.destroy();
      return false;
    }
    const line = lineOf(remoteAddress);
    const client = this.#clients.get(line) ?? new Counted(this, line);
    const isRoom = this.#open < LIMITS.connectionsMax;
    if (!isRoom || client.open >= LIMITS.connectionsPerClientMax) {
      socket.on("error", () => {});
      socket.resetAndDestroy();
      return false;
    }
    this.#open += 1;
    client.open += 1;
    this.#clients.set(line, client);
    count(socket, client);
    return true;
  }

  /** One of this client's is closed. */
  left({ line, open }: Counted): void {
    this.#open -= 1;
    if (open === 0) this.#clients.delete(line);
  }
}

/** All connections of one client, among those of others. */
class Counted implements Counter {
  open = 0;
  readonly line: string;
  readonly #clients: Clients;

  constructor(clients: Clients, line: string) {
    this.#clients = clients;
    this.line = line;
  }

  left(): void {
    this.open -= 1;
    this.#clients.left(this);
  }
}
