import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { linger, parserAnswer, sendRefusal, whole } from "./answer.ts";
import { Exchange, type ExchangeOptions, type ExchangeParts } from "./exchange.ts";
import { LIMITS } from "./limits.ts";
import { pickBackend } from "./pick.ts";
import { type Refusal, unknownHost } from "./refusal.ts";
import { askedBy, isRefusal, isUpgradable, readRequest } from "./request.ts";
import type { RouteTable } from "./table.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ListenerOptions extends ExchangeParts {
  readonly clock: Clock;
  readonly rules: RouteTable;
  /** Whether a host that is not in the table is one that no service has. */
  readonly isSettled: () => boolean;
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
    this.#server.maxConnections = LIMITS.connectionsMax;
    this.#server.on("request", (req, res) => this.#take(req, res, PLAIN));
    this.#server.on("checkContinue", (req, res) => this.#take(req, res, EXPECTING));
    this.#server.on("upgrade", (req, socket, first) => this.#upgrade(req, socket as Socket, first));
    this.#server.on("connect", (_, socket) => {
      socket.on("error", () => {});
      socket.end(whole(405, "this is not a proxy: CONNECT is not allowed"));
    });
    this.#server.on("clientError", (error, socket) => this.#refuse(socket as Socket, error));
  }

  /** Port 0 is any free one; answers with the one it is. Several processes may share one. */
  async listen({ host, port }: Address): Promise<Address> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    const reusePort = process.platform === "linux";
    this.#server.listen({ host, port, reusePort, backlog: 4096 }, resolve);
    await promise;
    this.#server.off("error", reject);
    const address = this.#server.address();
    return { host, port: typeof address === "object" && address !== null ? address.port : port };
  }

  /**
   * Takes no more connections, and lets open requests finish. A client whose connection is idle
   * may use it a last time for a moment, since it may be about to. Resolves when all are closed.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const res of this.#open) if (!res.headersSent) res.shouldKeepAlive = false;
    // What the kernel has queued for a listening socket is reset when that closes. Right after
    // the poll phase of this loop, which has just emptied the queue, that is as good as nothing.
    await new Promise((resolve) => setImmediate(resolve));
    const closed = Promise.withResolvers<void>();
    // The close of `Server` itself would not wait for those who are about to.
    NetServer.prototype.close.call(this.#server, () => closed.resolve());
    let isClosed = false;
    void closed.promise.then(() => {
      isClosed = true;
    });
    const { clock } = this.#options;
    const farewell = clock.elapsed() + LIMITS.farewellMs;
    while (!isClosed) {
      await Promise.race([closed.promise, clock.sleep(SWEEP_MS)]);
      if (clock.elapsed() > farewell) this.#server.closeIdleConnections();
    }
  }

  #take(req: IncomingMessage, res: ServerResponse, way: Way): void {
    this.#open.add(res);
    res.once("close", () => this.#open.delete(res));
    // A client that goes away is noticed by its answer, which closes.
    req.on("error", () => {});
    if (this.#isClosing) res.shouldKeepAlive = false;
    const { rules, isSettled } = this.#options;
    const inbound = readRequest(req, way.raw !== undefined);
    if (isRefusal(inbound)) {
      // Whoever sends such a thing may mean what follows it in another way than we would.
      res.shouldKeepAlive = false;
      sendRefusal(req, res, inbound);
      return;
    }
    const rule = rules.get(inbound.host);
    if (rule === undefined) {
      this.#turnAway(req, res, unknownHost(inbound.host, isSettled()));
      return;
    }
    const { special } = rule;
    if (special === undefined) {
      const backend = pickBackend(rule);
      new Exchange(this.#options, {
        req,
        res,
        inbound,
        backend,
        course: undefined,
        ...way,
      }).start();
      return;
    }
    special.admit(askedBy(req, inbound), {
      go: (course) => {
        if (res.destroyed) return;
        const { backend } = course;
        new Exchange(this.#options, { req, res, inbound, backend, course, ...way }).start();
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
