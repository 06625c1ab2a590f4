import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A single etcd on a directory of its own, asked over its HTTP gateway. */
export interface Etcd extends AsyncDisposable {
  /** Where its clients speak to it. */
  readonly url: string;
  readonly pid: number;
  put(key: string, value: string): Promise<void>;
  /** Puts some at once, up to a hundred, in one transaction. */
  putAll(pairs: readonly Pair[]): Promise<void>;
}

export interface Pair {
  readonly key: string;
  readonly value: string;
}

const START_MS = 15_000;

/** Whether the machine has etcd. */
export function hasEtcd(): boolean {
  return spawnSync("etcd", ["--version"]).status === 0;
}

export async function startEtcd(): Promise<Etcd> {
  const directory = mkdtempSync(join(tmpdir(), "varve-etcd-"));
  const [client, peer] = [await freePort(), await freePort()];
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  const args = ["--name", "one", "--data-dir", directory, "--log-level", "error"];
  const clients = ["--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl];
  const peers = ["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl];
  const cluster = ["--initial-cluster", `one=${peerUrl}`];
  const child = spawn("etcd", [...args, ...clients, ...peers, ...cluster], { stdio: "ignore" });
  const agent = new Agent({ keepAlive: true });
  const put = (key: string, value: string) =>
    post(`${clientUrl}/v3/kv/put`, agent, encoded({ key, value }));
  const etcd: Etcd = {
    url: clientUrl,
    pid: child.pid ?? 0,
    put,
    async putAll(pairs) {
      const success = pairs.map((pair) => ({ requestPut: encoded(pair) }));
      await post(`${clientUrl}/v3/kv/txn`, agent, { success });
    },
    async [Symbol.asyncDispose]() {
      agent.destroy();
      if (child.exitCode === null && child.kill()) await once(child, "close");
      rmSync(directory, { recursive: true, force: true });
    },
  };
  for (const start = performance.now(); ; ) {
    try {
      await put("ready", "");
      return etcd;
    } catch (thrown) {
      if (child.exitCode === null && performance.now() - start < START_MS) continue;
      await etcd[Symbol.asyncDispose]();
      throw thrown;
    }
  }
}

function encoded({ key, value }: Pair): Pair {
  const encode = (text: string) => Buffer.from(text).toString("base64");
  return { key: encode(key), value: encode(value) };
}

async function post(url: string, agent: Agent, body: object): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const sent = request(url, { method: "POST", agent }, (response) => {
    response.resume();
    response.once("end", () => {
      if (response.statusCode === 200) resolve();
      else reject(new Error(`etcd answered ${response.statusCode}`));
    });
  });
  sent.once("error", reject);
  sent.end(JSON.stringify(body));
  await promise;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
