import { type IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";

/** A connection that speaks no HTTP any more, with the request that it began with. */
export interface Upgraded {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What came behind the request already. */
  readonly head: Buffer;
}

/** For makers of servers: requests to change to anything else are answered as if they had not. */
export const UPGRADING = {
  shouldUpgradeCallback: ({ headers }: IncomingMessage) =>
    headers.upgrade?.toLowerCase() === "websocket",
};

const asked = new WeakMap<IncomingMessage, Upgraded>();

/** Whether a request may take over its connection. */
export function isUpgrade(request: IncomingMessage): boolean {
  return asked.has(request);
}

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/** Requests that may take over their connection; they are routed and refused like any others. */
export class Upgrades {
  readonly #open = new Set<Duplex>();

  listen(server: Server, serve: Serve): void {
    server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#open.add(socket);
      socket.once("close", () => this.#open.delete(socket));
      socket.on("error", () => socket.destroy());
      const response = new ServerResponse(request);
      // What is not taken over is answered once, and closed.
      response.shouldKeepAlive = false;
      response.assignSocket(socket);
      response.once("finish", () => socket.end());
      socket.once("close", () => response.emit("close"));
      asked.set(request, { request, socket, head });
      serve(request, response);
    });
  }

  /** The connection, which from now on is no longer the server's. */
  taken(request: IncomingMessage, response: ServerResponse): Upgraded | undefined {
    const upgraded = asked.get(request);
    if (upgraded !== undefined) response.detachSocket(upgraded.socket as Socket);
    return upgraded;
  }

  /** Ends those that were taken over: the server does not know them any more. */
  close(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
