import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { linger, parserAnswer, sendRefusal, whole } from "./answer.ts";
import { Exchange, type ExchangeOptions, type ExchangeParts } from "./exchange.ts";
import { Crossing } from "./h2/crossing.ts";
import { PlainCaller } from "./h2/plain_caller.ts";
import type { Sessions } from "./h2/sessions.ts";
import { LIMITS } from "./limits.ts";
import type { Refusal } from "./refusal.ts";
import { askedBy, isRefusal, isUpgradable, readRequest } from "./request.ts";
import { type Routing, routeRequest } from "./route.ts";

export interface ListenerOptions extends ExchangeParts, Routing {
  readonly sessions: Sessions;
}

type Way = Pick<ExchangeOptions, "isExpecting" | "raw">;

const PLAIN: Way = { isExpecting: false, raw: undefined };
const EXPECTING: Way = { isExpecting: true, raw: undefined };

/** How often a listener that closes looks for connections that are done. */
const SWEEP_MS = 100;

/** The front: takes connections, and makes an exchange of each request. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #open = new Set<ServerResponse>();
  readonly #sockets = new Set<Socket>();
  #isClosing = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer({
      maxHeaderSize: LIMITS.headBytesMax,
      headersTimeout: LIMITS.headMs,
      connectionsCheckingInterval: LIMITS.headCheckMs,
      keepAliveTimeout: LIMITS.keepAliveMs,
      // A body takes as long as its backend's limits let it.
      requestTimeout: 0,
      // Several are refused as well, so both have one answer.
      requireHostHeader: false,
      shouldUpgradeCallback: isUpgradable,
    });
    // They are bounded by their bytes; Node would drop those over a number without a word.
    this.#server.maxHeadersCount = 0;
    // It listens to no port of its own, and begins to look after connections with this.
    this.#server.emit("listening");
    this.#server.on("request", (req, res) => this.#take(req, res, PLAIN));
    this.#server.on("checkContinue", (req, res) => this.#take(req, res, EXPECTING));
    this.#server.on("upgrade", (req, socket, first) => this.#upgrade(req, socket as Socket, first));
    this.#server.on("connect", (_, socket) => {
      socket.on("error", () => {});
      socket.end(whole(405, "this is not a proxy: CONNECT is not allowed"));
    });
    this.#server.on("clientError", (error, socket) => this.#refuse(socket as Socket, error));
  }

  /** A connection, of which bytes may have been read and put back. */
  take(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    this.#server.emit("connection", socket);
    process.nextTick(() => socket.resume());
  }

  /**
   * Lets open requests finish. A client whose connection is idle may use it a last time for a
   * moment, since it may be about to. Resolves when all are closed.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const res of this.#open) if (!res.headersSent) res.shouldKeepAlive = false;
    const { clock } = this.#options;
    const farewell = clock.elapsed() + LIMITS.farewellMs;
    while (this.#sockets.size > 0) {
      await clock.sleep(SWEEP_MS);
      if (clock.elapsed() > farewell) this.#server.closeIdleConnections();
    }
  }

  #take(req: IncomingMessage, res: ServerResponse, way: Way): void {
    this.#open.add(res);
    res.once("close", () => this.#open.delete(res));
    // A client that goes away is noticed by its answer, which closes.
    req.on("error", () => {});
    if (this.#isClosing) res.shouldKeepAlive = false;
    const { clock } = this.#options;
    const inbound = readRequest(req, way.raw !== undefined);
    if (isRefusal(inbound)) {
      // Whoever sends such a thing may mean what follows it in another way than we would.
      res.shouldKeepAlive = false;
      sendRefusal(req, res, inbound);
      return;
    }
    routeRequest(this.#options, inbound.host, {
      asked: () => askedBy(req, inbound),
      go: (backend, course) => {
        if (res.destroyed) return;
        if (backend.protocol === "http1") {
          new Exchange(this.#options, { req, res, inbound, backend, course, ...way }).start();
          return;
        }
        const caller = new PlainCaller({ req, res, inbound, isExpecting: way.isExpecting, clock });
        new Crossing(this.#options, { caller, backend, course }).start();
      },
      refuse: (refusal) => this.#turnAway(req, res, refusal),
    });
  }

  #turnAway(req: IncomingMessage, res: ServerResponse, refusal: Refusal): void {
    if (res.destroyed) return;
    sendRefusal(req, res, refusal);
    req.resume();
    linger(req, this.#options.clock);
  }

  /** An answer that has begun is not followed by another on the same connection. */
  #refuse(socket: Socket, error: NodeJS.ErrnoException): void {
    const isAnswering = [...this.#open].some((res) => res.socket === socket && res.headersSent);
    if (socket.writable && !isAnswering) socket.write(parserAnswer(error.code));
    socket.destroySoon();
  }

  /** An instance that does not change protocols just answers: so there is an answer to write to. */
  #upgrade(req: IncomingMessage, socket: Socket, first: Buffer): void {
    const res = new ServerResponse(req);
    res.assignSocket(socket);
    res.shouldKeepAlive = false;
    socket.on("error", () => {});
    socket.on("drain", () => res.emit("drain"));
    res.once("finish", () => {
      res.detachSocket(socket);
      socket.destroySoon();
    });
    this.#take(req, res, { isExpecting: false, raw: { socket, first } });
  }
}
