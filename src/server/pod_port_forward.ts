import type { Duplex } from "node:stream";
import { ApiError } from "../api/error.ts";
import type { ObjectKey } from "../api/meta.ts";
import type { Answer, Call, Upgraded } from "../base/call.ts";
import { SpdySession, type SpdyStream } from "../base/spdy.ts";
import { acceptWebSocket, type Wire } from "../base/web_socket.ts";
import type { ApiRoute } from "./api_route.ts";
import type { ServerContext } from "./context.ts";
import { CLOSE, EXEC_PROTOCOLS, written } from "./exec_channels.ts";
import { aimOf } from "./pod_container.ts";
import { spokenBy } from "./pod_exec.ts";

/** Connects to a port of the instance behind a Pod. Throws what a caller can act on. */
export type PodDial = (pod: ObjectKey, port: number) => Promise<Duplex>;

/** Of kubectl since 1.31: SPDY, as it was before, in the messages of a WebSocket. */
const TUNNEL = "SPDY/3.1+portforward.k8s.io";
const PROTOCOLS = [TUNNEL, ...EXEC_PROTOCOLS];

/** `…/pods/NAME/portforward`, for `kubectl port-forward` and client libraries. */
export function portForwardRoutes(dial: PodDial, { store }: ServerContext): readonly ApiRoute[] {
  const path = "/api/v1/namespaces/:namespace/pods/:name/portforward";
  return ["GET", "POST"].map((method) => ({ method, path, handle }));

  function handle(call: Call): Answer {
    const { key } = aimOf(call, store);
    const protocol = spokenBy(call, PROTOCOLS);
    const ports = protocol === TUNNEL ? [] : portsIn(call);
    const take = async (connection: Upgraded) => {
      const wire = await acceptWebSocket(connection, protocol);
      const connect = (port: number) => dial(key, port);
      if (protocol === TUNNEL) tunnel(wire, connect);
      else await channels(wire, ports, connect);
    };
    return { code: 101, take: (connection) => void take(connection) };
  }
}

type Connect = (port: number) => Promise<Duplex>;

/** Pairs of streams of the same request: one for what is sent, one for what went wrong. */
function tunnel(wire: Wire, connect: Connect): void {
  const waiting = new Map<string, SpdyStream>();
  const session = new SpdySession(wire.send, (stream) => {
    const { requestid = "", streamtype = "" } = stream.headers;
    const other = waiting.get(requestid);
    if (other === undefined || other.headers["streamtype"] === streamtype) {
      waiting.set(requestid, stream);
      return;
    }
    waiting.delete(requestid);
    const [data, errors] = streamtype === "data" ? [stream, other] : [other, stream];
    void forward(data, errors, connect);
  });
  wire.signal.addEventListener("abort", () => session.close(), { once: true });
  wire.listen((message) => session.receive(message));
}

async function forward(data: SpdyStream, errors: SpdyStream, connect: Connect): Promise<void> {
  errors.data.resume();
  try {
    const socket = await connect(portOf(data.headers["port"] ?? ""));
    await both(data, socket);
  } catch (thrown) {
    await errors.send(Buffer.from(wordsOf(thrown)));
  }
  await data.end();
  await errors.end();
}

/** Both ways until both ends have said all; either end may be the first to go. */
async function both({ data, send }: SpdyStream, socket: Duplex): Promise<void> {
  data.on("close", () => {
    if (!data.readableEnded) socket.destroy();
  });
  data.pipe(socket);
  try {
    for await (const chunk of socket) await send(chunk as Buffer);
  } finally {
    socket.destroy();
    data.destroy();
  }
}

/** Of client libraries: two channels for each port, and the port first on both. */
async function channels(wire: Wire, ports: readonly number[], connect: Connect): Promise<void> {
  // What is sent before there is a connection waits for it.
  const opening = ports.map((port) => connect(port));
  wire.signal.addEventListener("abort", () => opening.forEach(destroyed), { once: true });
  wire.listen(async (message) => {
    const [channel = 0, ended = 0] = message;
    const isEnd = channel === CLOSE;
    const socket = await opening[(isEnd ? ended : channel) / 2]?.catch(() => undefined);
    if (isEnd) socket?.end();
    else if (socket !== undefined) await written(socket, message.subarray(1));
  });
  const answered = ports.map(async (port, at) => {
    const [data, errors] = [2 * at, 2 * at + 1];
    const number = Buffer.from([port & 0xff, port >> 8]);
    for (const channel of [data, errors]) await wire.send(framed(channel, number));
    try {
      const socket = (await opening[at]) ?? [];
      for await (const chunk of socket) await wire.send(framed(data, chunk as Buffer));
    } catch (thrown) {
      await wire.send(framed(errors, Buffer.from(wordsOf(thrown))));
    }
  });
  await Promise.all(answered);
  wire.close();
}

function destroyed(opening: Promise<Duplex>): void {
  opening.then(
    (socket) => socket.destroy(),
    () => {},
  );
}

function framed(channel: number, rest: Buffer): Buffer {
  return Buffer.concat([Buffer.from([channel]), rest]);
}

function portsIn({ query }: Call): readonly number[] {
  const ports = query.getAll("ports").flatMap((it) => it.split(","));
  if (ports.length > 0) return ports.map(portOf);
  throw new ApiError("BadRequest", 'query parameter "ports" is required');
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new ApiError("BadRequest", `unable to parse "${text}" as a port: it is from 1 to 65535`);
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
