import type { Socket } from "node:net";
import { type Counter, count } from "./attendant.ts";
import { LIMITS } from "./limits.ts";

/**
 * Counts open connections, on whichever port: all of them, and those of each address, for no one
 * client may have all there are.
 */
export class Clients {
  readonly #clients = new Map<string, Counted>();
  #open = 0;

  /** Counts it, or closes it and answers with false. */
  admit(socket: Socket): boolean {
    const { remoteAddress: address } = socket;
    if (address === undefined) {
      // It is gone already.
      socket.destroy();
      return false;
    }
    const client = this.#clients.get(address) ?? new Counted(this, address);
    const isRoom = this.#open < LIMITS.connectionsMax;
    if (!isRoom || client.open >= LIMITS.connectionsPerClientMax) {
      socket.on("error", () => {});
      socket.resetAndDestroy();
      return false;
    }
    this.#open += 1;
    client.open += 1;
    this.#clients.set(address, client);
    count(socket, client);
    return true;
  }

  /** One of this client's is closed. */
  left({ address, open }: Counted): void {
    this.#open -= 1;
    if (open === 0) this.#clients.delete(address);
  }
}

/** All connections of one address, among those of others. */
class Counted implements Counter {
  open = 0;
  readonly address: string;
  readonly #clients: Clients;

  constructor(clients: Clients, address: string) {
    this.#clients = clients;
    this.address = address;
  }

  left(): void {
    this.open -= 1;
    this.#clients.left(this);
  }
}
