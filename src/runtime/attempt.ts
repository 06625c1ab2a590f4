import { request as requestHttps } from "node:https";
import { connect } from "node:net";
import type { Probe } from "../api/probe.ts";
import { nodeHttp } from "../base/node_http.ts";
import { askHttp2, checkGrpc, type HealthRequest } from "./http2_attempt.ts";

/** What a probe found. */
export interface Verdict {
  readonly isWell: boolean;
  /** For people: what was found instead; empty when it is well. */
  readonly message: string;
}

/** What is probed. */
export interface Target {
  readonly host: string;
  /** Where it listens, whatever port it would have liked. */
  readonly port: number;
  /** What it would have liked: a probe of this port means `port`. */
  readonly askedPort: number;
  readonly protocol: "http1" | "h2c";
  /** Something else takes its connections, and closes those that it has no other end for. */
  readonly isProxied?: boolean;
  /** Runs a command where the instance runs. Its rejections are failures of the probe. */
  exec(command: readonly string[], signal: AbortSignal): Promise<Verdict>;
}

/** A target, and how long there is. */
export interface Trial extends Target {
  readonly signal: AbortSignal;
}

/** A connection that is still there after so long has another end. */
const HELD_MS = 50;

export const WELL: Verdict = { isWell: true, message: "" };

/** Tries once, by whichever of the four ways the probe has; by TCP when it has none. */
export async function attempt(probe: Probe, trial: Trial): Promise<Verdict> {
  try {
    if (probe.exec !== undefined) return await trial.exec(probe.exec.command ?? [], trial.signal);
    if (probe.httpGet !== undefined) return await tryHttp(probe.httpGet, trial);
    if (probe.grpc !== undefined) return await tryGrpc(probe.grpc, trial);
    return await tryTcp(probe.tcpSocket ?? {}, trial);
  } catch (thrown) {
    return { isWell: false, message: why(thrown, portOf(probe, trial)) };
  }
}

function portOf({ httpGet, tcpSocket, grpc }: Probe, trial: Trial): number {
  return portFor(httpGet?.port ?? tcpSocket?.port ?? grpc?.port, trial);
}

/** A name can only be that of the one port there is; so can the number it asked for. */
function portFor(asked: number | string | undefined, { port, askedPort }: Trial): number {
  const number = Number(asked ?? askedPort);
  return Number.isNaN(number) || number === 0 || number === askedPort ? port : number;
}

function why(thrown: unknown, port: number): string {
  if (!(thrown instanceof Error)) return String(thrown);
  if (!("code" in thrown)) return thrown.message;
  if (thrown.code === "ECONNREFUSED") return `nothing listens on port ${port} yet`;
  if (thrown.code === "ECONNRESET") return `port ${port} hung up without an answer`;
  return thrown.message;
}

type TcpSocket = NonNullable<Probe["tcpSocket"]>;

function tryTcp(tcp: TcpSocket, trial: Trial): Promise<Verdict> {
  const { signal } = trial;
  const port = portFor(tcp.port, trial);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: tcp.host ?? trial.host, port });
    const stop = () => socket.destroy(new Error("it gives no answer"));
    signal.addEventListener("abort", stop, { once: true });
    const accept = () => {
      socket.destroy();
      resolve(WELL);
    };
    socket.once("connect", () => {
      if (trial.isProxied !== true) return accept();
      socket.setTimeout(HELD_MS, accept);
      socket.once("data", accept);
      socket.once("end", () => reject(new Error(`nothing listens on port ${port} yet`)));
    });
    socket.on("error", reject);
    socket.once("close", () => signal.removeEventListener("abort", stop));
  });
}

type HttpGet = NonNullable<Probe["httpGet"]>;

async function tryHttp(get: HttpGet, trial: Trial): Promise<Verdict> {
  const { signal } = trial;
  const path = get.path === undefined || get.path === "" ? "/" : get.path;
  // The name that servers know a probe by, to keep it out of their logs.
  const headers: Record<string, string> = { "user-agent": "kube-probe/varve" };
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const [host, port] = [get.host ?? trial.host, portFor(get.port, trial)];
  const request = { host, port, path: path.startsWith("/") ? path : `/${path}`, headers, signal };
  const isPlain = get.scheme !== "HTTPS";
  const ask = isPlain && trial.protocol === "h2c" ? askHttp2 : askHttp1;
  const status = await ask(request, isPlain);
  if (status >= 200 && status < 400) return WELL;
  return { isWell: false, message: `GET ${request.path} answers ${status}` };
}

/** The status of the answer. A certificate is not looked at: nobody vouches for an address. */
function askHttp1(asked: HealthRequest, isPlain: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { ...asked, agent: false, rejectUnauthorized: false };
    const request = (isPlain ? nodeHttp.request : requestHttps)(options, (response) => {
      resolve(response.statusCode ?? 0);
      response.on("error", reject);
      response.destroy();
    });
    request.on("error", reject);
    request.end();
  });
}

type Grpc = NonNullable<Probe["grpc"]>;

async function tryGrpc(grpc: Grpc, trial: Trial): Promise<Verdict> {
  const { service = "" } = grpc;
  const { host, signal } = trial;
  const found = await checkGrpc({ host, port: portFor(grpc.port, trial), service, signal });
  if (found === undefined) return WELL;
  return { isWell: false, message: `the gRPC health check of "${service}" says ${found}` };
}
