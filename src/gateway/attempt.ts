import { type ClientRequest, type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import type { Endpoint } from "./backend.ts";
import type { RequestHead } from "./head.ts";
import { LIMITS } from "./limits.ts";
import type { Pools } from "./pools.ts";

/**
 * How one attempt ended. `unreached`: no connection, so nothing was sent. `stale`: a connection
 * that was kept open turned out to be closed, and nothing can have happened twice if the request
 * is sent once more. `broken`: the instance may have acted on it. `answered`: an answer began.
 */
export type Outcome = "answered" | "unreached" | "stale" | "broken";

export interface AttemptEvents {
  /** No connection was left over from before, so one is being made. */
  connecting(): void;
  /** There is a connection: the body may follow. */
  connected(): void;
  informed(code: number, rawHeaders: readonly string[]): void;
  answered(answer: IncomingMessage): void;
  upgraded(answer: IncomingMessage, socket: Socket, first: Buffer): void;
  /** The connection is no longer this request's. Nothing follows. */
  over(outcome: Outcome, error: NodeJS.ErrnoException | undefined): void;
}

export interface AttemptOptions {
  readonly endpoint: Endpoint;
  readonly pools: Pools;
  readonly head: RequestHead;
  readonly headers: readonly string[];
  readonly events: AttemptEvents;
}

/** Doing them twice is as doing them once (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** A socket between two requests has no listener of Node's, and an error there ends the process. */
function ignore(): void {}

/** One request on its way to one instance. */
export class Attempt {
  readonly #options: AttemptOptions;
  readonly request: ClientRequest;
  #isConnected = false;
  #isAnswered = false;
  #isUpgraded = false;
  #isBodyBegun = false;
  #writtenBefore = 0;
  #error: NodeJS.ErrnoException | undefined;

  constructor(options: AttemptOptions) {
    this.#options = options;
    const { endpoint, pools, head, headers, events } = options;
    this.request = request({
      agent: pools.agentOf(endpoint),
      host: endpoint.host,
      port: endpoint.port,
      method: head.method,
      path: head.target,
      headers,
      maxHeaderSize: LIMITS.headBytesMax,
    });
    this.request.maxHeadersCount = 0;
    this.request.on("socket", (socket) => this.#got(socket));
    this.request.on("information", ({ statusCode, rawHeaders }) => {
      events.informed(statusCode, rawHeaders);
    });
    this.request.on("response", (answer) => {
      this.#isAnswered = true;
      events.answered(answer);
    });
    if (head.upgrade !== undefined) this.request.on("upgrade", (...args) => this.#upgrade(...args));
    this.request.on("error", (error) => {
      this.#error ??= error;
    });
    this.request.on("close", () => {
      if (!this.#isUpgraded) events.over(this.#outcome(), this.#error);
    });
  }

  /** To be called when the first byte of the body is taken from the client. */
  bodyBegan(): void {
    this.#isBodyBegun = true;
  }

  /** Ends it: `over` follows, with this as its error. */
  destroy(error?: Error): void {
    this.request.destroy(error);
  }

  #got(socket: Socket): void {
    this.#writtenBefore = socket.bytesWritten;
    if (!socket.connecting) {
      this.#connected();
      return;
    }
    socket.on("error", ignore);
    socket.once("connect", () => this.#connected());
    this.#options.events.connecting();
  }

  #connected(): void {
    if (this.request.destroyed) return;
    this.#isConnected = true;
    this.#options.events.connected();
  }

  #upgrade(answer: IncomingMessage, socket: Socket, first: Buffer): void {
    this.#isUpgraded = true;
    socket.setTimeout(0);
    this.#options.events.upgraded(answer, socket, first);
  }

  #outcome(): Outcome {
    if (this.#isAnswered) return "answered";
    if (!this.#isConnected) return "unreached";
    const { reusedSocket, socket } = this.request;
    // What was taken from the client cannot be sent again.
    if (!reusedSocket || this.#isBodyBegun) return "broken";
    const isUnsent = socket?.bytesWritten === this.#writtenBefore;
    const isSafe = IDEMPOTENT.has(this.#options.head.method);
    return isUnsent || isSafe ? "stale" : "broken";
  }
}
