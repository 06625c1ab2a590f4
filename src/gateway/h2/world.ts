import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import type { Address } from "../front.ts";
import { LIMITS_OF_TESTS } from "../rig.ts";
import type { BackendSpec } from "../route_table.ts";

/** What the tests of HTTP/2 stand on, besides the rig: instances and clients that speak it. */
export type StreamHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** One instance that speaks HTTP/2 by prior knowledge, and nothing else. */
export class StreamInstance implements AsyncDisposable {
  readonly name: string;
  readonly server: Http2Server;
  sessions = 0;
  readonly #open = new Set<{ destroy(): void }>();

  private constructor(name: string, handler: StreamHandler) {
    this.name = name;
    this.server = createServer();
    this.server.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      handler(stream, headers);
    });
    this.server.on("session", (session) => {
      this.sessions += 1;
      this.#open.add(session);
      session.on("error", () => {});
      session.once("close", () => this.#open.delete(session));
    });
  }

  static async start(name: string, handler: StreamHandler): Promise<StreamInstance> {
    const instance = new StreamInstance(name, handler);
    await new Promise<void>((resolve) => instance.server.listen(0, "127.0.0.1", resolve));
    return instance;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#open) session.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** A revision of one instance of HTTP/2 at this port. */
export function streamBackend(id: string, port: number, limits = {}): BackendSpec {
  const endpoints = [{ name: `${id}-x`, host: "127.0.0.1", port }];
  return { id, endpoints, protocol: "h2c", limits: { ...LIMITS_OF_TESTS, ...limits } };
}

export interface StreamReply {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: string;
  readonly informed: readonly number[];
}

export interface StreamAsk {
  readonly host: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
  readonly trailers?: OutgoingHttpHeaders;
  /** Called for each piece of the answer. */
  readonly heard?: (text: string) => void;
}

/** A connection of HTTP/2 to a gateway, by prior knowledge. */
export function connectTo({ host, port }: Address): ClientHttp2Session {
  const session = connect(`http://${host}:${port}`);
  session.on("error", () => {});
  return session;
}

/** One request on a connection. */
export function askStream(session: ClientHttp2Session, options: StreamAsk): Promise<StreamReply> {
  const { host, headers = {}, body, trailers, heard } = options;
  const { promise, resolve, reject } = Promise.withResolvers<StreamReply>();
  const stream = session.request(
    { ":authority": host, ":path": "/", ...headers },
    { endStream: body === undefined, waitForTrailers: trailers !== undefined },
  );
  const chunks: Buffer[] = [];
  const informed: number[] = [];
  let head: IncomingHttpHeaders & { ":status"?: number | undefined } = {};
  let tail: IncomingHttpHeaders = {};
  stream.on("headers", (got) => informed.push(got[":status"] ?? 0));
  stream.on("response", (got) => {
    head = got;
  });
  stream.on("trailers", (got) => {
    tail = got;
  });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers ?? {}));
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    heard?.(chunk.toString());
  });
  stream.on("error", reject);
  stream.on("close", () => {
    const { ":status": code = 0, ...rest } = head;
    const text = Buffer.concat(chunks).toString();
    resolve({ code, headers: rest, trailers: tail, body: text, informed });
  });
  if (body !== undefined) stream.end(body);
  return promise;
}
