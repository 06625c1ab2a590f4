import { createServer, type Server, type Socket } from "node:net";
import {
  createServer as createTlsServer,
  type TLSSocket,
  type Server as TlsServer,
} from "node:tls";
import { calmTurn } from "../calm_turn.ts";
import { type Address, type FrontOptions, listenOn } from "../front.ts";
import { LIMITS } from "../limits.ts";
import { Undecided } from "../undecided.ts";
import { readClientHello } from "./client_hello.ts";
import type { TlsTable } from "./tls_table.ts";

export interface TlsFrontOptions extends FrontOptions {
  readonly tls: TlsTable;
}

/** The protocol of who asks for proof that a host is ours (RFC 8737). */
const PROOF = "acme-tls/1";

/** The same in all workers, or none takes up a session that another began. */
const SESSIONS = "varve";

/** The port for TLS: ends it, by certificates that are looked up when a client asks for a host. */
export class TlsFront {
  readonly #options: TlsFrontOptions;
  readonly #server: Server;
  readonly #tls: TlsServer;
  readonly #proof: TlsServer;
  readonly #undecided: Undecided;

  constructor(options: TlsFrontOptions) {
    this.#options = options;
    this.#undecided = new Undecided(options.deadlines);
    const { tls, h1, h2 } = options;
    this.#tls = createTlsServer({
      minVersion: "TLSv1.2",
      ALPNProtocols: ["h2", "http/1.1"],
      handshakeTimeout: LIMITS.headMs,
      sessionIdContext: SESSIONS,
      sessionTimeout: LIMITS.tlsSessionSeconds,
      SNICallback: (host, done) => done(null, tls.contextFor(host.toLowerCase())),
    });
    this.#tls.on("secureConnection", (socket: TLSSocket) => {
      if (socket.alpnProtocol === "h2") h2.take(socket);
      else
        this.#undecided.read(socket, (bytes) => {
          return () => h1.take(socket, bytes);
        });
    });
    this.#tls.on("tlsClientError", cut);
    this.#proof = createTlsServer({
      ALPNProtocols: [PROOF],
      handshakeTimeout: LIMITS.headMs,
      SNICallback: (host, done) => done(null, tls.alpnContextFor(host.toLowerCase())),
    });
    // The certificate has said it all.
    this.#proof.on("secureConnection", (socket) => socket.on("error", () => {}).end());
    this.#proof.on("tlsClientError", cut);
    let tickets: Buffer | undefined;
    tls.onTickets = (key) => {
      tickets = key;
      this.#tls.setTicketKeys(key);
    };
    tls.onDefault = ({ cert, key }) => {
      const options = { cert, key, minVersion: "TLSv1.2", sessionIdContext: SESSIONS } as const;
      this.#tls.setSecureContext({ ...options, ...(tickets && { ticketKeys: tickets }) });
    };
    this.#server = createServer({ noDelay: true }, (socket) => this.#take(socket));
    this.#server.maxConnections = LIMITS.connectionsMax;
  }

  /** As `Front.listen`. */
  async listen({ host, port }: Address): Promise<Address> {
    return { host, port: await listenOn(this.#server, { host, port }) };
  }

  /** Takes no more connections. Those that are open are of who serves them. */
  async close(): Promise<void> {
    await calmTurn(this.#options.clock);
    this.#server.close();
    await this.#options.clock.sleep(LIMITS.farewellMs);
    this.#undecided.destroyAll();
  }

  #take(socket: Socket): void {
    if (!this.#options.clients.admit(socket)) return;
    if (this.#options.tls.hasAlpnAnswers) this.#sniff(socket);
    else this.#begin(this.#tls, socket);
  }

  #begin(server: TlsServer, socket: Socket): void {
    server.emit("connection", socket);
  }

  /** Node picks the certificate before it knows the protocol, so we read that ahead. */
  #sniff(socket: Socket): void {
    const { tls } = this.#options;
    this.#undecided.read(socket, (bytes) => {
      const hello = readClientHello(bytes);
      if (hello === undefined) return undefined;
      const isProof = hello !== "unknown" && hello.protocols.includes(PROOF);
      const isOurs = isProof && tls.alpnContextFor(hello.host ?? "") !== undefined;
      return () => {
        socket.pause();
        socket.unshift(Buffer.from(bytes));
        this.#begin(isOurs ? this.#proof : this.#tls, socket);
      };
    });
  }
}

/** Node tells of a handshake that failed, or took too long, and leaves the rest to us. */
function cut(_thrown: Error, socket: TLSSocket): void {
  socket.destroy();
}
