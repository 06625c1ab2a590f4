import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isReady } from "../../src/api/condition.ts";
import type { Draft } from "../../src/api/meta.ts";
import { SERVICE, type Service } from "../../src/api/service.ts";
import { readKubeconfig } from "../../src/client/kubeconfig.ts";
import { KubernetesClient } from "../../src/client/kubernetes.ts";

const MAIN = join(import.meta.dirname, "../../src/main.ts");

export interface VarveOptions {
  readonly flags?: readonly string[];
  /** Of earlier processes; a new one that is removed in the end when left out. */
  readonly home?: string;
  /** Of Node itself, such as "--cpu-prof". */
  readonly nodeFlags?: readonly string[];
}

interface Endpoints {
  readonly api: string;
  readonly gateway: string;
}

/** A real `varve serve`, with a home of its own and any free ports. */
export class VarveProcess implements AsyncDisposable {
  readonly home: string;
  readonly #isOwnHome: boolean;
  readonly #flags: readonly string[];
  readonly #nodeFlags: readonly string[];
  #child: ChildProcess | undefined;
  #client: KubernetesClient | undefined;
  endpoints: Endpoints = { api: "", gateway: "" };

  constructor(home: string, { flags = [], home: given, nodeFlags = [] }: VarveOptions) {
    this.home = home;
    this.#isOwnHome = given === undefined;
    this.#flags = flags;
    this.#nodeFlags = nodeFlags;
  }

  static async start(options: VarveOptions = {}): Promise<VarveProcess> {
    const home = options.home ?? (await mkdtemp(join(tmpdir(), "varve-")));
    const varve = new VarveProcess(home, options);
    await varve.start();
    return varve;
  }

  get client(): KubernetesClient {
    assert(this.#client !== undefined, "the server runs");
    return this.#client;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** What it wrote, of all its lives. */
  async log(): Promise<string> {
    return await readFile(this.#logPath(), "utf8");
  }

  /** Starts it, or starts it again after `kill`: on the same ports then. */
  async start(): Promise<void> {
    const [api, gateway] = [this.endpoints.api, this.endpoints.gateway].map((url) =>
      url === "" ? 0 : new URL(url).port,
    );
    const where = ["--api", `127.0.0.1:${api}`, "--gateway", `127.0.0.1:${gateway}`];
    const serve = ["serve", "--home", this.home, ...where, ...this.#flags];
    const args = [...this.#nodeFlags, MAIN, ...serve];
    const { NODE_COMPILE_CACHE, PATH, HOME } = process.env;
    const env = { PATH, HOME, ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }) };
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    const log = createWriteStream(this.#logPath(), { flags: "a" });
    child.stderr.pipe(log);
    let said = "";
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (said.includes("Gateway")) break;
    }
    assert(said.includes("Gateway"), `varve serve did not start: ${await this.log()}`);
    child.stdout.resume();
    this.endpoints = JSON.parse(await readFile(join(this.home, "endpoints.json"), "utf8"));
    this.#client = new KubernetesClient(await readKubeconfig(join(this.home, "kubeconfig")));
  }

  /** Ends the control process as a crash does: instances and gateway go on. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Has it stop as people do. Fails when it had ended before, or does not end well. */
  async stop(): Promise<void> {
    const code = await this.#end("SIGTERM");
    assert.equal(code, 0, `varve serve ended with ${code}: ${(await this.log()).slice(-4000)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child === undefined) await this.start();
    await this.stop();
    if (this.#isOwnHome) await rm(this.home, { recursive: true, force: true });
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const child = this.#child;
    this.#child = undefined;
    await this.#client?.[Symbol.asyncDispose]();
    if (child === undefined || child.signalCode !== null) return null;
    if (child.exitCode !== null) return child.exitCode;
    const exit = once(child, "exit");
    child.kill(signal);
    const [code] = await exit;
    return code;
  }

  #logPath(): string {
    return join(this.home, "serve.log");
  }
}

/** A Service from source, as `varve deploy` makes it. */
export function serviceFrom(source: string, name: string, more: Partial<Service["spec"]> = {}) {
  const { apiVersion, kind } = SERVICE;
  const template = {
    metadata: { annotations: { "varve.dev/source": source } },
    spec: { containers: [{}] },
  };
  const draft: Draft<Service> = {
    ...{ apiVersion, kind },
    metadata: { namespace: "default", name },
    spec: { template, ...more },
  };
  return draft;
}

/** Waits until a Service is ready as its spec is now. */
export async function ready(client: KubernetesClient, name: string, withinMs = 60_000) {
  const until = Date.now() + withinMs;
  for (;;) {
    const service = await client.get(SERVICE, { namespace: "default", name });
    if (isReady(service)) return service;
    const said = JSON.stringify(service.status?.conditions);
    assert(Date.now() < until, `${name} is not ready after ${withinMs} ms: ${said}`);
    await sleep(20);
  }
}
