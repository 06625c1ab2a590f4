import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";

/** One request, as a handler sees it. */
export interface Call {
  readonly method: string;
  /** As it was sent, without the query. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Empty when there was none, and on routes that stream. */
  readonly body: Buffer;
  /** The body as it comes, on routes that stream. */
  readonly stream: Readable | undefined;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
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
}

/** The open end of an answer that goes on. It is closed when `write` has settled. */
export interface Outlet {
  /** Sends a piece at once. A caller that is too slow to take what it asked for is cut off. */
  send(piece: string): void;
  readonly signal: AbortSignal;
}

export type Handler = (call: Call) => Answer | Promise<Answer>;

export interface RouteOptions {
  /** The handler reads the body itself, however long it is. */
  readonly isStreamed?: boolean;
}

export interface HttpServerOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly bodyBytesMax: number;
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

/** A reader that leaves more than this unread is cut off. */
const UNREAD_BYTES_MAX = 16 * 1024 * 1024;

/** An HTTP server, by Fastify: routing, limits and errors; handlers take and return values. */
export function makeHttpServer(options: HttpServerOptions): HttpServer {
  const { tls, bodyBytesMax, onError, onUnknown } = options;
  const shared = { bodyLimit: bodyBytesMax, forceCloseConnections: true, exposeHeadRoutes: false };
  const app = (tls === undefined
    ? fastify(shared)
    : fastify({
        ...shared,
        https: { ...tls, minVersion: "TLSv1.2" },
      })) as unknown as FastifyInstance;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  const adapted = (handler: Handler) => async (request: FastifyRequest, reply: FastifyReply) => {
    const call = callOf(request, reply);
    await send(reply, await handler(call), (thrown) => void onError(thrown, call));
    return reply;
  };
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
        scope.route({ method, url, handler: adapted(handler), bodyLimit: STREAM_BYTES_MAX });
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

/** What a handler may throw to say that the body is too large; `bytesMax` is the rule. */
export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
  readonly bytesMax: number;

  constructor(bytesMax: number) {
    super(`The body is larger than ${bytesMax} bytes`);
    this.bytesMax = bytesMax;
  }
}

function translated(thrown: unknown, bytesMax: number): unknown {
  const isTooLarge =
    thrown instanceof Error && "code" in thrown && thrown.code === "FST_ERR_CTP_BODY_TOO_LARGE";
  return isTooLarge ? new BodyTooLarge(bytesMax) : thrown;
}

function callOf(request: FastifyRequest, reply: FastifyReply): Call {
  const { method, url, headers, body, params } = request;
  const at = url.indexOf("?");
  const abort = new AbortController();
  // The request closes when its body ends; only the response tells that the caller has left.
  reply.raw.once("close", () => abort.abort());
  return {
    method,
    path: at < 0 ? url : url.slice(0, at),
    params: (params ?? {}) as Readonly<Record<string, string>>,
    query: new URLSearchParams(at < 0 ? "" : url.slice(at + 1)),
    headers,
    body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
    stream: body !== undefined && !Buffer.isBuffer(body) ? (body as Readable) : undefined,
    signal: abort.signal,
  };
}

async function send(reply: FastifyReply, answer: Answer, onError: OnError) {
  const { code, headers = {}, body, write } = answer;
  reply.code(code).headers(headers as Record<string, string | string[]>);
  if (write !== undefined) {
    reply.hijack();
    await stream(
      reply.raw,
      { code, headers: { ...reply.getHeaders(), ...headers }, write },
      onError,
    );
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

type Streaming = Required<Omit<Answer, "body" | "headers">> & { readonly headers: object };

async function stream(response: ServerResponse, answer: Streaming, onError: OnError) {
  const abort = new AbortController();
  response.once("close", () => abort.abort());
  response.writeHead(answer.code, { ...answer.headers });
  response.flushHeaders();
  const outlet: Outlet = {
    signal: abort.signal,
    send(piece) {
      if (abort.signal.aborted) return;
      response.write(piece);
      if (response.writableLength > UNREAD_BYTES_MAX) response.destroy();
    },
  };
  try {
    await answer.write(outlet);
    response.end();
  } catch (thrown) {
    // The head has gone out as a success: cutting the connection is the one way left to say no.
    response.destroy();
    if (!abort.signal.aborted) onError(thrown);
  }
}
