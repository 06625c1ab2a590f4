import type { Socket } from "node:net";
import { LIMITS } from "./limits.ts";

/** Counts open connections by the address of the client: no one client may have all there is. */
export class Clients {
  readonly #counts = new Map<string, number>();

  /** Counts it, or closes it and answers with false. */
  admit(socket: Socket): boolean {
    const { remoteAddress: client } = socket;
    if (client === undefined) {
      // It is gone already.
      socket.destroy();
      return false;
    }
    const count = (this.#counts.get(client) ?? 0) + 1;
    if (count > LIMITS.connectionsPerClientMax) {
      socket.on("error", () => {});
      socket.resetAndDestroy();
      return false;
    }
    this.#counts.set(client, count);
    socket.once("close", () => {
      const left = (this.#counts.get(client) ?? 1) - 1;
      if (left > 0) this.#counts.set(client, left);
      else this.#counts.delete(client);
    });
    return true;
  }
}
