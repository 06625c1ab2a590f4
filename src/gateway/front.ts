import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { PREFACE, upgrade, upgradeFrame } from "./h2/upgrade.ts";
import { LIMITS } from "./limits.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Who serves connections of one protocol. `first` has been read already. */
export interface Service {
  take(socket: Socket, first?: Buffer): void;
  close(): Promise<void>;
}

export interface FrontOptions {
  readonly clock: Clock;
  readonly h1: Service;
  readonly h2: Service;
}

/** No method of HTTP/1.1 begins with these many of them. */
const TELLING_BYTES = 4;

/** Owns the ports, and gives each connection to who speaks its protocol. */
export class Front {
  readonly #options: FrontOptions;
  readonly #server: Server;
  /** Open connections by the address of the client. */
  readonly #counts = new Map<string, number>();

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#admit(socket));
    this.#server.maxConnections = LIMITS.connectionsMax;
  }

  /** Port 0 is any free one; answers with the one it is. Several processes may share one. */
  async listen({ host, port }: Address): Promise<Address> {
    return { host, port: await listenOn(this.#server, { host, port }) };
  }

  /** Takes no more connections, and lets the open ones finish. Resolves when all are closed. */
  async close(): Promise<void> {
    const { h1, h2 } = this.#options;
    // What the kernel has queued for a listening socket is reset when that closes. Right after
    // the poll phase of this loop, which has just emptied the queue, that is as good as nothing.
    await new Promise((resolve) => setImmediate(resolve));
    const closed = new Promise((resolve) => this.#server.close(resolve));
    await Promise.all([h1.close(), h2.close()]);
    await closed;
  }

  /** No one client may have all there is. */
  #admit(socket: Socket): void {
    const { remoteAddress: client } = socket;
    if (client === undefined) {
      // It is gone already.
      socket.destroy();
      return;
    }
    const count = (this.#counts.get(client) ?? 0) + 1;
    if (count > LIMITS.connectionsPerClientMax) {
      socket.on("error", () => {});
      socket.resetAndDestroy();
      return;
    }
    this.#counts.set(client, count);
    socket.once("close", () => {
      const left = (this.#counts.get(client) ?? 1) - 1;
      if (left > 0) this.#counts.set(client, left);
      else this.#counts.delete(client);
    });
    this.#sniff(socket);
  }

  /** The first bytes decide; until they do, the connection is nobody's. */
  #sniff(socket: Socket): void {
    const { h1, h2, clock } = this.#options;
    const pieces: Buffer[] = [];
    const ignore = () => {};
    const late = clock.after(LIMITS.headMs, () => socket.destroy());
    const decide = (bytes: Buffer) => {
      pieces.push(bytes);
      const all = pieces.length === 1 ? bytes : Buffer.concat(pieces);
      const known = Math.min(all.length, TELLING_BYTES);
      const isPreface = all.compare(PREFACE, 0, known, 0, known) === 0;
      if (isPreface && known < TELLING_BYTES) return;
      settle();
      const request = isPreface ? undefined : upgradeFrame(all);
      if (!isPreface && request === undefined) {
        h1.take(socket, all);
        return;
      }
      socket.pause();
      if (request !== undefined) {
        upgrade(socket, request, { clock, done: () => h2.take(socket) });
        return;
      }
      socket.unshift(all);
      h2.take(socket);
    };
    const settle = () => {
      late[Symbol.dispose]();
      socket.off("data", decide).off("error", ignore).off("close", settle);
    };
    socket.on("data", decide).on("error", ignore).on("close", settle);
  }
}

async function listenOn(server: Server, { host, port }: Address): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  const reusePort = process.platform === "linux";
  server.listen({ host, port, reusePort, backlog: 4096 }, resolve);
  await promise;
  server.off("error", reject);
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
