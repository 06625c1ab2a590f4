import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { fileURLToPath } from "node:url";
import { makeCertificate } from "../../../src/base/certificate.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { Begin } from "./server_process.ts";
import { Wire } from "./wire.ts";

const SERVER = fileURLToPath(new URL("server_process.ts", import.meta.url));
const TOKEN = "token-of-the-test";

/** One store, and the servers that live on it one after another. */
export class ApiHome implements AsyncDisposable {
  readonly #begin: Begin;
  readonly #authority: string;
  /** Has loaded all, and waits for its turn, so that nobody waits for it to load. */
  #standby = load();
  #running: ChildProcess | undefined;
  #agent: Agent | undefined;

  constructor(begin: Begin, authority: string) {
    this.#begin = begin;
    this.#authority = authority;
  }

  static async make(path: string): Promise<ApiHome> {
    const nowMs = systemClock.now();
    const issuer = await makeCertificate({ name: "authority", nowMs, days: 1 });
    const hosts = ["127.0.0.1"];
    const tls = await makeCertificate({ name: "server", hosts, issuer, nowMs, days: 1 });
    return new ApiHome({ path, tls, token: TOKEN }, issuer.cert);
  }

  /** Starts a server on what the last one left. */
  async start(): Promise<Wire> {
    const child = this.#standby;
    this.#standby = load();
    this.#running = child;
    assert(child.stdin !== null && child.stdout !== null);
    child.stdin.write(`${JSON.stringify(this.#begin)}\n`);
    const said = once(child.stdout, "data").then(([line]) => Number(line));
    const ended = once(child, "exit").then(() => Number.NaN);
    const port = await Promise.race([said, ended]);
    assert(port > 0, "the server did not start");
    // One for all: to make one for each connection costs more than the rest of it.
    const secureContext = createSecureContext({ ca: this.#authority });
    const agent = new Agent({ keepAlive: true, secureContext });
    this.#agent = agent;
    return new Wire({ port, token: TOKEN, agent });
  }

  async kill(): Promise<void> {
    const child = this.#running;
    this.#running = undefined;
    if (child === undefined) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    const [, signal] = await exit;
    assert.equal(signal, "SIGKILL", "the server ended by itself");
    this.#agent?.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    const exit = once(this.#standby, "exit");
    this.#standby.kill("SIGKILL");
    await exit;
  }
}

function load(): ChildProcess {
  // What was compiled once is compiled for all that follow.
  const env = { NODE_COMPILE_CACHE: join(tmpdir(), "varve-compiled"), ...process.env };
  return spawn(process.execPath, [SERVER], { env, stdio: ["pipe", "pipe", "inherit"] });
}
