import type { Socket } from "node:net";
import { type Counter, count } from "./attendant.ts";
import { LIMITS } from "./limits.ts";

/** Counts open connections by the address of the client: no one client may have all there is. */
export class Clients {
  readonly #clients = new Map<string, Counted>();

  /** Counts it, or closes it and answers with false. */
  admit(socket: Socket): boolean {
    const { remoteAddress: address } = socket;
    if (address === undefined) {
      // It is gone already.
      socket.destroy();
      return false;
    }
    const client = this.#clients.get(address) ?? new Counted(address, this.#clients);
    if (client.open >= LIMITS.connectionsPerClientMax) {
      socket.on("error", () => {});
      socket.resetAndDestroy();
      return false;
    }
    client.open += 1;
    count(socket, client);
    return true;
  }
}

/** All connections of one address, among those of others. */
class Counted implements Counter {
  open = 0;
  readonly #address: string;
  readonly #all: Map<string, Counted>;

  constructor(address: string, all: Map<string, Counted>) {
    this.#address = address;
    this.#all = all;
    all.set(address, this);
  }

  left(): void {
    this.open -= 1;
    if (this.open === 0) this.#all.delete(this.#address);
  }
}
