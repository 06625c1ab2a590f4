import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { TLSSocket } from "node:tls";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { type Clock, systemClock } from "./clock.ts";
import { type Outlet, stream } from "./outlet.ts";
import { isUpgrade, UPGRADING, type Upgraded, Upgrades } from "./upgrades.ts";

/** One request, as a handler sees it. */
export interface Call {
  readonly method: string;
  /** As it was sent, without the query. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Each value of a header that may be sent several times. */
  all(header: string): readonly string[];
  /** Where it comes from. */
  readonly address: string;
  /** Whom a certificate says it is, when one was shown that the clients' authority has signed. */
  readonly peer: Peer | undefined;
  /** Empty when there was none, and on routes that stream. */
  readonly body: Buffer;
  /** The body as it comes, on routes that stream. */
  readonly stream: Readable | undefined;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
  /** The caller asks for a WebSocket, so that the answer may be to take over the connection. */
  readonly isUpgrade: boolean;
}

/** The subject of a certificate. */
export interface Peer {
  readonly name: string;
  readonly organizations: readonly string[];
}

/**
 * What goes back: a value as JSON, text, bytes or a `Readable` as they are, or a stream that is
 * written to. A `Readable` goes at the speed of the caller, and is destroyed when they leave.
 */
export interface Answer {
  readonly code: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
  readonly write?: (outlet: Outlet) => Promise<void>;
  /** Only where the call is an upgrade: whoever takes the connection answers on it. */
  readonly take?: (upgraded: Upgraded) => void;
}

export type Handler = (call: Call) => Answer | Promise<Answer>;

export interface RouteOptions {
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

type OnError = (thrown: unknown) => void;

/** On routes that stream, whoever reads sets the limit. */
const STREAM_BYTES_MAX = 2 ** 40;

/** Names have up to 253 characters, and each may be written as three. */
const PARAM_CHARS_MAX = 1024;

const ALIVE_MS = 30_000;
const HEAD_MS = 10_000;
const BODY_MS = 30_000;
const PAUSE_MS = 60_000;
/** How often Node looks for heads that take too long. */
const LOOK_MS = 1000;

/** An HTTP server, by Fastify: routing, limits and errors; handlers take and return values. */
export function makeHttpServer(options: HttpServerOptions): HttpServer {
  const upgrades = new Upgrades();
  const { bodyBytesMax, onError, onUnknown, onRequest = () => {} } = options;
  const app = makeApp(options);
  upgrades.listen(app.server, (request, response) => app.routing(request, response));
  app.addHook("preClose", async () => upgrades.close());
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  const adapted = (handler: Handler) => async (request: FastifyRequest, reply: FastifyReply) => {
    const call = callOf(request, reply);
    const answer = await handler(call);
    if (answer.take === undefined) {
      await send(reply, answer, (thrown) => void onError(thrown, call));
      return reply;
    }
    reply.hijack();
    const upgraded = upgrades.taken(request.raw, reply.raw);
    if (upgraded !== undefined) answer.take(upgraded);
    return reply;
  };
  app.addHook("onRequest", async (request, reply) => {
    await onRequest(callOf(request, reply));
    limitBody(request, reply, options);
  });
  app.setErrorHandler(async (thrown, request, reply) => {
    const call = callOf(request, reply);
    await send(reply, onError(translated(thrown, bodyBytesMax), call), () => {});
    return reply;
  });
  app.setNotFoundHandler(adapted(onUnknown));
  return {
    route(method, url, handler, { isStreamed = false } = {}) {
      if (!isStreamed) {
        app.route({ method, url, handler: adapted(handler) });
        return;
      }
      app.register((scope, _options, done) => {
        scope.removeAllContentTypeParsers();
        scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
        const config = { isStreamed };
        scope.route({
          method,
          url,
          handler: adapted(handler),
          bodyLimit: STREAM_BYTES_MAX,
          config,
        });
        done();
      });
    },
    async listen(at) {
      await app.listen(at);
      const address = app.server.address();
      return typeof address === "object" && address !== null ? address.port : at.port;
    },
    [Symbol.asyncDispose]: () => app.close(),
  };
}

function makeApp(options: HttpServerOptions): FastifyInstance {
  const { tls, bodyBytesMax, headMs = HEAD_MS, onError } = options;
  const connectionsCheckingInterval = Math.min(headMs, LOOK_MS);
  // Watches may be silent for long: so the system asks whether the other end is still there.
  const alive = { keepAlive: true, keepAliveInitialDelay: ALIVE_MS };
  const timing = { headersTimeout: headMs, connectionsCheckingInterval, ...alive, ...UPGRADING };
  const shared = {
    ...{ bodyLimit: bodyBytesMax, forceCloseConnections: true, exposeHeadRoutes: false },
    routerOptions: { maxParamLength: PARAM_CHARS_MAX },
    frameworkErrors: (thrown: Error, request: unknown, reply: unknown) => {
      // Its types leave open which kind of server it is.
      const [asked, answering] = [request as FastifyRequest, reply as FastifyReply];
      const answer = onError(new BadPath(thrown.message), callOf(asked, answering));
      void send(answering, answer, () => {});
    },
  };
  if (tls === undefined) return fastify({ ...shared, http: timing }) as unknown as FastifyInstance;
  const { clientAuthority, ...own } = tls;
  // Who shows no certificate, or another's, is a client like any other: so never reject here.
  const clients = clientAuthority !== undefined && {
    ca: clientAuthority,
    requestCert: true,
    rejectUnauthorized: false,
  };
  const https = { ...timing, ...own, ...clients, minVersion: "TLSv1.2", handshakeTimeout: headMs };
  return fastify({ ...shared, https: https as never }) as unknown as FastifyInstance;
}

/** Cuts off who takes too long to send a body, so that nobody holds a request open for nothing. */
function limitBody(
  { raw, routeOptions }: FastifyRequest,
  reply: FastifyReply,
  { bodyMs = BODY_MS, pauseMs = PAUSE_MS, clock = systemClock }: HttpServerOptions,
): void {
  const { "content-length": length = "0", "transfer-encoding": coding } = raw.headers;
  if (raw.complete || (length === "0" && coding === undefined)) return;
  // Taken now: a request that has broken off has no socket any more.
  const { socket } = raw;
  const cut = () => {
    if (!reply.raw.headersSent) reply.raw.writeHead(408, { connection: "close" }).end();
    socket.destroySoon();
  };
  const { isStreamed = false } = routeOptions.config as { readonly isStreamed?: boolean };
  if (isStreamed) {
    raw.setTimeout(pauseMs, cut);
    const end = () => void socket.setTimeout(0);
    raw.once("end", end);
    reply.raw.once("close", end);
    return;
  }
  const timer = clock.after(bodyMs, cut);
  const end = () => timer[Symbol.dispose]();
  raw.once("end", end);
  reply.raw.once("close", end);
}

/** What a handler may throw to say that the body is too large; `bytesMax` is the rule. */
export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
  readonly bytesMax: number;

  constructor(bytesMax: number) {
    super(`The body is larger than ${bytesMax} bytes`);
    this.bytesMax = bytesMax;
  }
}

/** What is thrown for a path that is no path, or has a part that is too long. */
export class BadPath extends Error {
  override readonly name = "BadPath";
}

function translated(thrown: unknown, bytesMax: number): unknown {
  const isTooLarge =
    thrown instanceof Error && "code" in thrown && thrown.code === "FST_ERR_CTP_BODY_TOO_LARGE";
  return isTooLarge ? new BodyTooLarge(bytesMax) : thrown;
}

const calls = new WeakMap<FastifyRequest, Call>();
const peers = new WeakMap<object, Peer | undefined>();

/** One request is one `Call`, from before its body is read until it is answered. */
function callOf(request: FastifyRequest, reply: FastifyReply): Call {
  const known = calls.get(request);
  if (known !== undefined) return known;
  const { method, url, headers } = request;
  const at = url.indexOf("?");
  let signal: AbortSignal | undefined;
  const call: Call = {
    method,
    path: at < 0 ? url : url.slice(0, at),
    get params() {
      return (request.params ?? {}) as Readonly<Record<string, string>>;
    },
    query: new URLSearchParams(at < 0 ? "" : url.slice(at + 1)),
    headers,
    all: (header) => request.raw.headersDistinct[header] ?? [],
    address: request.raw.socket?.remoteAddress ?? "",
    get peer() {
      return peerOf(request.raw.socket as TLSSocket);
    },
    get body() {
      return Buffer.isBuffer(request.body) ? request.body : NO_BODY;
    },
    get stream() {
      const { body } = request;
      return body === undefined || Buffer.isBuffer(body) ? undefined : (body as Readable);
    },
    get signal() {
      signal ??= signalOf(reply.raw);
      return signal;
    },
    isUpgrade: isUpgrade(request.raw),
  };
  calls.set(request, call);
  return call;
}

const NO_BODY = Buffer.alloc(0);
/** One for all, as making a reason costs more than most requests do. */
const GONE = new Error("the caller has gone");

/**
 * Made for those who ask alone. The request closes when its body ends; only the response tells
 * that the caller has left.
 */
function signalOf(response: ServerResponse): AbortSignal {
  const abort = new AbortController();
  if (response.closed) abort.abort(GONE);
  else response.once("close", () => abort.abort(GONE));
  return abort.signal;
}

/** Looked at once for each connection, which costs more than all else about it. */
function peerOf(socket: TLSSocket): Peer | undefined {
  if (peers.has(socket)) return peers.get(socket);
  const { CN: name, O: of = [] } = socket.authorized ? socket.getPeerCertificate().subject : {};
  const organizations = typeof of === "string" ? [of] : of;
  const peer = typeof name === "string" && name !== "" ? { name, organizations } : undefined;
  peers.set(socket, peer);
  return peer;
}

async function send(reply: FastifyReply, answer: Answer, onError: OnError) {
  const { code, headers = {}, body, write } = answer;
  reply.code(code).headers(headers as Record<string, string | string[]>);
  if (write !== undefined) {
    reply.hijack();
    const all = { ...reply.getHeaders(), ...headers } as OutgoingHttpHeaders;
    await stream(reply.raw, { code, headers: all, write }, onError);
    return;
  }
  const isAsItIs = typeof body === "string" || Buffer.isBuffer(body) || body instanceof Readable;
  if (body === undefined || isAsItIs) {
    await reply.send(body);
    return;
  }
  // Already text, so that Fastify adds no charset, which some clients of Kubernetes do not expect.
  reply.header("content-type", headers["content-type"] ?? "application/json");
  await reply.send(JSON.stringify(body));
}
