import type { IncomingMessage } from "node:http";
import { type WebSocket, WebSocketServer } from "ws";
import type { Upgraded } from "./call.ts";
import { every, systemClock } from "./clock.ts";

/** A WebSocket of ours: messages of bytes, both ways. */
export interface Wire {
  /** What both sides speak on it. */
  readonly protocol: string;
  /** Resolves when more may be sent: who waits for it holds no more than one message. */
  send(message: Buffer): Promise<void>;
  /** Calls with each message, in order; the next one is read when it has settled. */
  listen(listener: (message: Buffer) => Promise<void> | void): void;
  close(): void;
  /** Aborted when it is closed, by whomever. */
  readonly signal: AbortSignal;
}

/** Nobody has a reason to send more at once. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** A peer that is gone without a word is found out after twice this. */
const PING_MS = 30_000;

/** What a request offers to speak. */
export function offeredBy(header: string | undefined): readonly string[] {
  return (header ?? "").split(",").map((it) => it.trim());
}

/** Takes a connection over as a WebSocket. */
export function acceptWebSocket(upgraded: Upgraded, protocol: string): Promise<Wire> {
  const { request, socket, head } = upgraded;
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
  });
  // The library would refuse names with a slash in them, as Kubernetes has them.
  const { "sec-websocket-protocol": _, ...headers } = request.headers;
  // All that it looks at of a request of Node's.
  const asked = { method: request.method, headers } as IncomingMessage;
  server.on("headers", (lines) => lines.push(`Sec-WebSocket-Protocol: ${protocol}`));
  return new Promise((resolve) => {
    server.handleUpgrade(asked, socket, head, (webSocket) => {
      resolve(wireOf(webSocket, protocol));
    });
  });
}

function wireOf(webSocket: WebSocket, protocol: string): Wire {
  const closed = new AbortController();
  const pings = keepAlive(webSocket);
  webSocket.once("close", () => {
    pings[Symbol.dispose]();
    closed.abort();
  });
  webSocket.on("error", () => webSocket.terminate());
  // What comes before anybody listens waits in the connection.
  webSocket.pause();
  return {
    protocol,
    signal: closed.signal,
    send: (message) =>
      new Promise((resolve) => {
        if (closed.signal.aborted) return resolve();
        webSocket.send(message, { binary: true }, () => resolve());
      }),
    listen(listener) {
      let last = Promise.resolve();
      let waiting = 0;
      webSocket.on("message", (data: Buffer) => {
        waiting += 1;
        webSocket.pause();
        last = last.then(async () => {
          await listener(data);
          waiting -= 1;
          if (waiting === 0) webSocket.resume();
        });
        last.catch(() => webSocket.terminate());
      });
      webSocket.resume();
    },
    close: () => webSocket.close(1000),
  };
}

/** Answers with what stops it. */
function keepAlive(webSocket: WebSocket): Disposable {
  let isHeard = true;
  webSocket.on("pong", () => {
    isHeard = true;
  });
  return every(systemClock, PING_MS, () => {
    if (!isHeard) webSocket.terminate();
    isHeard = false;
    if (webSocket.readyState === webSocket.OPEN) webSocket.ping();
  });
}
