import { Agent, type IncomingMessage, type RequestOptions, request } from "node:http";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";

export interface LoadOptions {
  readonly gateway: string;
  readonly host: string;
  readonly perSecond: number;
  /** What one of them is; a plain GET when left out. */
  readonly act?: Act;
}

/** Where a request goes, and by which connections. */
export interface Target {
  readonly hostname: string;
  readonly port: string;
  readonly host: string;
  readonly agent: Agent;
  /** Notes the connection that it got. */
  readonly onSocket: (socket: Socket) => void;
}

/** One request. Answers with what to count it under; throws when it went wrong. */
export type Act = (target: Target) => Promise<string>;

/** A GET of "/", counted under its answer. */
export const get: Act = async (target) => {
  const { answer, sent } = send(target, {});
  sent.end();
  return await textOf(await answer);
};

/** A request that is sent when its caller ends it. */
export function send(target: Target, more: RequestOptions) {
  const { hostname, port, host, agent, onSocket } = target;
  const headers = { host, ...(more.headers as Readonly<Record<string, string>>) };
  const sent = request({ hostname, port, agent, ...more, headers });
  sent.on("socket", onSocket);
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    sent.on("response", resolve).on("error", reject);
  });
  return { sent, answer };
}

/** The body of an answer of 200. */
export async function textOf(answer: IncomingMessage): Promise<string> {
  const body = await text(answer);
  if (answer.statusCode !== 200) throw new Error(`${answer.statusCode}: ${body}`);
  return body;
}

/** One request that did not end in 200. */
export interface Failure {
  readonly startedAtMs: number;
  readonly localPort: number;
  readonly why: string;
}

/** Requests at a steady rate, each of them counted, however the ones before it go. */
export class SteadyLoad implements AsyncDisposable {
  readonly #options: LoadOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #open = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  readonly #bodies = new Map<string, number>();
  /** When each connection was last heard of. */
  readonly #usedAtMs = new WeakMap<Socket, number>();
  readonly failures: Failure[] = [];
  readonly #beganAtMs: number;
  #sent = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    const startMs = performance.now();
    this.#beganAtMs = startMs;
    // What a busy machine delays is made up for, so that the rate holds over time.
    this.#timer = setInterval(() => {
      const due = ((performance.now() - startMs) * options.perSecond) / 1000;
      while (this.#sent < due) this.#send();
    }, 5);
  }

  get sent(): number {
    return this.#sent;
  }

  /** How often each body was the answer. */
  get bodies(): ReadonlyMap<string, number> {
    return this.#bodies;
  }

  /** The local ports of the connections that are open now. */
  get ports(): ReadonlySet<number> {
    const { sockets, freeSockets } = this.#agent;
    const all = [...Object.values(sockets), ...Object.values(freeSockets)].flatMap(
      (it) => it ?? [],
    );
    return new Set((all as Socket[]).map(({ localPort = 0 }) => localPort));
  }

  /** No further requests; resolves when those that are open have ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#agent.destroy();
  }

  #send(): void {
    this.#sent += 1;
    const sending = this.#one().finally(() => this.#open.delete(sending));
    this.#open.add(sending);
  }

  async #one(): Promise<void> {
    const { gateway, host, act = get } = this.#options;
    const startedAtMs = performance.now();
    const { port, hostname } = new URL(gateway);
    let localPort = 0;
    let idle = "a new connection";
    const onSocket = (socket: Socket) => {
      const usedAtMs = this.#usedAtMs.get(socket);
      if (usedAtMs !== undefined) {
        idle = `a connection that was idle for ${Math.round(performance.now() - usedAtMs)} ms`;
      }
      const used = () => this.#usedAtMs.set(socket, performance.now());
      if (usedAtMs === undefined) socket.on("data", used);
      used();
      const note = () => {
        localPort = socket.localPort ?? 0;
      };
      note();
      if (socket.connecting) socket.once("connect", note);
    };
    try {
      const body = await act({ hostname, port, host, agent: this.#agent, onSocket });
      this.#bodies.set(body, (this.#bodies.get(body) ?? 0) + 1);
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      const when = Math.round((performance.now() - this.#beganAtMs) / 1000);
      const where = `${why}, after ${when} s, on ${idle}`;
      this.failures.push({ startedAtMs, localPort, why: where });
    }
  }
}
