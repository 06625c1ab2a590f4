import { createServer as createTcp, type Server, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import type { Answer, Call, Handler } from "./call.ts";
import { type Clock, every, systemClock } from "./clock.ts";
import { DateLine } from "./h1/date_line.ts";
import { Facts } from "./h1/facts.ts";
import { Head } from "./h1/head.ts";
import { HttpConnection } from "./http_connection.ts";
import type { Serving } from "./http_serving.ts";
import { Routes } from "./routes.ts";

interface RouteOptions {
  /** The handler reads the body itself, however long it is. */
  readonly isStreamed?: boolean;
}

export interface TlsOptions {
  readonly key: string;
  readonly cert: string;
  /** Whose certificates clients may show, in PEM form. Nobody has to. */
  readonly clientAuthority?: string;
}

export interface HttpServerOptions {
  readonly tls?: TlsOptions;
  readonly bodyBytesMax: number;
  /** How long a head may take to arrive, and then a body that is read as a whole. */
  readonly headMs?: number;
  readonly bodyMs?: number;
  /** How long a body that is streamed may pause. */
  readonly pauseMs?: number;
  readonly clock?: Clock;
  /** Called with each request before its body is read. What it throws is the answer. */
  readonly onRequest?: (call: Call) => Promise<void> | void;
  /** Turns whatever a handler threw into an answer. */
  readonly onError: (thrown: unknown, call: Call) => Answer;
  /** Answers what no route is for. */
  readonly onUnknown: Handler;
}

export interface HttpServer extends AsyncDisposable {
  route(method: string, path: string, handler: Handler, options?: RouteOptions): void;
  /** Port 0 is any free one; answers with the one it is. */
  listen(at: { readonly host: string; readonly port: number }): Promise<number>;
}

const ALIVE_MS = 30_000;
const HEAD_MS = 10_000;
const BODY_MS = 30_000;
const PAUSE_MS = 60_000;
/** Longer than the 90 seconds of clients in Go, or we close just as they send. */
const KEEP_ALIVE_MS = 120_000;
/** How often we look for what takes too long. */
const LOOK_MS = 1000;
const LIMITS = {
  headBytesMax: 32 * 1024,
  headersMax: 500,
  trailerBytesMax: 16 * 1024,
  chunkExtensionBytesMax: 4 * 1024,
  keepAliveMs: KEEP_ALIVE_MS,
};

/**
 * An HTTP/1.1 server: routing, limits and errors; handlers take and return values. It reads with
 * the parser of the gateway, and writes an answer at once where it can: see `docs/design/0094`.
 */
export function makeHttpServer(options: HttpServerOptions): HttpServer {
  const { headMs = HEAD_MS, clock = systemClock } = options;
  const serving = servingOf(options, clock);
  const open = new Map<Socket, HttpConnection>();
  const server = makeServer(options.tls, headMs, (socket) => {
    open.set(socket, new HttpConnection(socket, serving));
    socket.once("close", () => open.delete(socket));
  });
  // Those that have not shaken hands yet among them.
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const looking = every(clock, Math.min(headMs, LOOK_MS), () => {
    const nowMs = clock.elapsed();
    for (const connection of open.values()) connection.check(nowMs);
  });
  return {
    route(method, path, handler, { isStreamed = false } = {}) {
      serving.routes.add(method, path, { handler, isStreamed });
    },
    async listen({ host, port }) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once("error", reject).listen({ host, port }, resolve);
      await promise;
      server.off("error", reject);
      const address = server.address();
      return typeof address === "object" && address !== null ? address.port : port;
    },
    async [Symbol.asyncDispose]() {
      looking[Symbol.dispose]();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of [...open.keys(), ...sockets]) socket.destroy();
      await closed;
    },
  };
}

function servingOf(options: HttpServerOptions, clock: Clock): Serving {
  const { bodyBytesMax, onUnknown, onError, onRequest = () => {} } = options;
  const { headMs = HEAD_MS, bodyMs = BODY_MS, pauseMs = PAUSE_MS } = options;
  return {
    ...{ onError, onRequest, clock, dateLine: new DateLine(clock) },
    limits: { ...LIMITS, bodyBytesMax, headMs, bodyMs, pauseMs },
    routes: new Routes(),
    keepAliveLines: `Connection: keep-alive\r\nKeep-Alive: timeout=${KEEP_ALIVE_MS / 1000}\r\n`,
    unknown: { handler: onUnknown, isStreamed: false },
    ...{ head: new Head(LIMITS), facts: new Facts(), spare: new Head(LIMITS) },
  };
}

function makeServer(
  tls: TlsOptions | undefined,
  handshakeTimeout: number,
  onConnection: (socket: Socket) => void,
): Server {
  // Watches may be silent for long: so the system asks whether the other end is still there.
  const tcp = { noDelay: true, keepAlive: true, keepAliveInitialDelay: ALIVE_MS };
  if (tls === undefined) return createTcp(tcp, onConnection);
  const { clientAuthority, ...own } = tls;
  // Who shows no certificate, or another's, is a client like any other: so never reject here.
  const clients = clientAuthority !== undefined && {
    ca: clientAuthority,
    requestCert: true,
    rejectUnauthorized: false,
  };
  const ours = { minVersion: "TLSv1.2", ALPNProtocols: ["http/1.1"], handshakeTimeout } as const;
  const server = createTls({ ...tcp, ...own, ...clients, ...ours }, onConnection);
  server.on("tlsClientError", (_thrown, socket) => socket.destroy());
  return server;
}
