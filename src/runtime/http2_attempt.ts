import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from "node:http2";

interface Peer {
  readonly host: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

/** An HTTP request that asks whether an instance is well. */
export interface HealthRequest extends Peer {
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Asks over HTTP/2 with prior knowledge, and answers with the status. */
export function askHttp2(asked: HealthRequest): Promise<number> {
  return overHttp2(asked, async (session) => {
    const { host: authority = `${asked.host}:${asked.port}`, ...headers } = asked.headers;
    const stream = session.request({ ...headers, ":path": asked.path, ":authority": authority });
    return await new Promise<number>((resolve, reject) => {
      stream.once("response", (answer) => resolve(Number(answer[":status"])));
      stream.on("error", reject);
    });
  });
}

export interface GrpcCheck extends Peer {
  /** Empty for the server as a whole. */
  readonly service: string;
}

const SERVING = 1;
const STATUS_NAMES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/** Asks `grpc.health.v1.Health/Check`; answers with what it says instead of SERVING, if so. */
export function checkGrpc(check: GrpcCheck): Promise<string | undefined> {
  return overHttp2(check, async (session) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
    });
    let ends: IncomingHttpHeaders = {};
    stream.on("response", (headers) => {
      ends = { ...ends, ...headers };
    });
    stream.on("trailers", (trailers) => {
      ends = { ...ends, ...trailers };
    });
    stream.end(checkRequest(check.service));
    const answer = Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>));
    const code = ends["grpc-status"] ?? `HTTP ${ends[":status"]}`;
    if (code !== "0") return `${ends["grpc-message"] ?? "error"} (status ${code})`;
    const status = statusIn(answer);
    return status === SERVING ? undefined : (STATUS_NAMES[status] ?? `status ${status}`);
  });
}

/** Five bytes of gRPC's frame (not compressed; length), then field 1, a string: the service. */
function checkRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const field = name.length === 0 ? [] : [0x0a, ...varint(name.length)];
  const message = Buffer.concat([Buffer.from(field), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** Field 1 of the answer, a small number; left out when it is 0. */
function statusIn(answer: Buffer): number {
  return answer.length >= 7 && answer[5] === 0x08 ? (answer[6] ?? 0) : 0;
}

async function overHttp2<T>(
  { host, port, signal }: Peer,
  ask: (session: ClientHttp2Session) => Promise<T>,
): Promise<T> {
  const session = connect(`http://${host.includes(":") ? `[${host}]` : host}:${port}`);
  const failure = new Promise<never>((_, reject) => {
    session.on("error", reject);
    session.once("close", () => reject(new Error("the connection was closed")));
  });
  const stop = () => session.destroy(new Error("no answer"), constants.NGHTTP2_CANCEL);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([ask(session), failure]);
  } finally {
    signal.removeEventListener("abort", stop);
    session.destroy();
  }
}
