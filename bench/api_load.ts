import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { connect, createSecureContext, type TLSSocket } from "node:tls";
import type { Target } from "./kube.ts";

const TEXT = "x".repeat(800);
export const NAMESPACE = "bench";

/** Where the ConfigMaps of a namespace are. */
export function pathIn(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/configmaps`;
}

/** A ConfigMap of 1 KB, as somebody would send it. */
export function sample(name: string, text = TEXT): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { text } };
}

/** Requests to one server, over connections that are kept. The same for each server. */
export class Load implements Disposable {
  /** Processor time of the servers for each act of the last `rate`. */
  cpuUs = 0;
  readonly #target: Target;
  readonly #agent: Agent;
  readonly #secureContext;

  constructor(target: Target) {
    this.#target = target;
    this.#secureContext = createSecureContext({ ca: target.authority });
    this.#agent = new Agent({ keepAlive: true, secureContext: this.#secureContext });
  }

  /** Answers with how many bytes came back. Throws when it was no success. */
  async ask(method: string, path: string, sent?: object): Promise<number> {
    const { port, token } = this.#target;
    const body = sent === undefined ? undefined : JSON.stringify(sent);
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
      }),
    };
    const options = { host: "127.0.0.1", port, method, path, headers, agent: this.#agent };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(options, resolve).once("error", reject).end(body);
    });
    let bytes = 0;
    let said = "";
    for await (const chunk of response) {
      bytes += chunk.length;
      if ((response.statusCode ?? 0) >= 300) said += chunk;
    }
    if ((response.statusCode ?? 0) < 300) return bytes;
    throw new Error(`${method} ${path}: ${response.statusCode} ${said}`);
  }

  /** Acts of all clients in a second. What the servers spent on each is in `cpuUs` then. */
  async rate(clients: number, count: number, act: (at: number) => Promise<unknown>) {
    let next = 0;
    const cpuMs = this.#cpuMs();
    const began = performance.now();
    const all = Array.from({ length: clients }, async () => {
      while (next < count) await act(next++);
    });
    await Promise.all(all);
    this.cpuUs = ((this.#cpuMs() - cpuMs) / count) * 1000;
    return (count / (performance.now() - began)) * 1000;
  }

  /** User and system time of all its processes; the kernel counts in hundredths of a second. */
  #cpuMs(): number {
    const times = this.#target.pids.map((pid) => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) * 10;
    });
    return times.reduce((sum, it) => sum + it, 0);
  }

  /** Opens a watch, and calls for each piece that comes: raw, so that there is little to it. */
  async watch(path: string, listener: (piece: Buffer) => void): Promise<TLSSocket> {
    const { port, token } = this.#target;
    const secureContext = this.#secureContext;
    const socket = connect({ host: "127.0.0.1", port, secureContext, servername: "" });
    socket.setNoDelay(true);
    await once(socket, "secureConnect");
    const head = [
      `GET ${path}?watch=true&resourceVersion=0 HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      `Authorization: Bearer ${token}`,
    ];
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    await once(socket, "data");
    socket.on("data", listener);
    return socket;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
