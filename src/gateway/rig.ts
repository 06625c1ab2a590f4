import { mkdtempSync, rmSync } from "node:fs";
import {
  Agent,
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assert } from "../base/assert.ts";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { silentLog } from "../base/log.ts";
import { type DataPlane, makeDataPlane } from "./data_plane.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";
import type { Address } from "./front.ts";
import type { BackendLimits, BackendSpec, EndpointSpec, RouteSpec } from "./route_table.ts";
import { WorkerFiles } from "./worker_files.ts";
import { kill } from "./worker_process.ts";

/** What the tests of this folder stand on: real instances, real workers, real clients. */
export const LIMITS_OF_TESTS: BackendLimits = { timeoutMs: 20_000, concurrency: 0 };

const WAIT_MS = 10_000;

/** Shared by all homes, for most are used once. */
const COMPILED = fileURLToPath(new URL("../../node_modules/.cache/gateway", import.meta.url));

/** Waits for a state of the world; fails with its name when it does not come about. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = systemClock.elapsed() + WAIT_MS;
  while (!(await isSo())) {
    assert(systemClock.elapsed() < deadline, `waited in vain until ${what}`);
    await systemClock.sleep(5);
  }
}

export type Handler = (req: IncomingMessage, res: ServerResponse) => void;

/** One instance: an HTTP server in this process. */
export class Instance implements AsyncDisposable {
  readonly name: string;
  readonly server: Server;

  private constructor(name: string, handler: Handler) {
    this.name = name;
    this.server = createServer({ keepAliveTimeout: 60_000 }, handler);
  }

  /** Answers with its name, unless told otherwise. */
  static async start(name: string, handler?: Handler): Promise<Instance> {
    const instance = new Instance(name, handler ?? ((_, res) => res.end(name)));
    await new Promise<void>((resolve) => instance.server.listen(0, "127.0.0.1", resolve));
    return instance;
  }

  get endpoint(): EndpointSpec {
    const { port } = this.server.address() as AddressInfo;
    return { name: this.name, host: "127.0.0.1", port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** A fleet over a home of its own; its workers end with it. */
export class Rig implements AsyncDisposable {
  readonly home: string;
  readonly #fleets: Fleet[] = [];

  constructor(home = mkdtempSync(join(tmpdir(), "varve-gateway-"))) {
    this.home = home;
  }

  async start(options: Partial<FleetOptions> = {}): Promise<Fleet> {
    const { home } = this;
    const world = { clock: systemClock, chance: systemChance, log: silentLog };
    const small = { host: "127.0.0.1", port: 0, workers: 1, compileCache: COMPILED };
    const fleet = new Fleet({ home, ...small, ...world, ...options });
    this.#fleets.push(fleet);
    await fleet.start();
    return fleet;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const fleet of this.#fleets) await fleet.stopWorkers();
    // Those of a control process that was killed, when nobody came after it.
    for (const record of new WorkerFiles(this.home).readAll()) await kill(record, systemClock);
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** A revision at these instances. */
export function backendOf(
  id: string,
  instances: readonly Instance[],
  limits: Partial<BackendLimits> = {},
): BackendSpec {
  const endpoints = instances.map(({ endpoint }) => endpoint);
  return { id, endpoints, limits: { ...LIMITS_OF_TESTS, ...limits } };
}

/** A route of one host: `routeOf("a.localhost", { "default/a-00001": 100 })`. */
export function routeOf(host: string, shares: Readonly<Record<string, number>>): RouteSpec {
  const split = Object.entries(shares).map(([backend, percent]) => ({ backend, percent }));
  return { id: `default/${host}`, hosts: [{ host, split }] };
}

export interface Reply {
  readonly code: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** The body as it came. */
  readonly raw: Buffer;
}

export interface AskOptions {
  readonly host: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  readonly agent?: Agent;
}

/** One request to a gateway. Without an agent it has a connection of its own. */
export function ask(address: Address | undefined, options: AskOptions): Promise<Reply> {
  assert(address !== undefined, "the gateway has no address yet");
  const { host, method = "GET", path = "/", headers = {}, body, agent } = options;
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const to = { host: address.host, port: address.port, method, path };
  const sent = request({ ...to, headers: { host, ...headers }, agent: agent ?? false }, (res) => {
    const chunks: Buffer[] = [];
    res.on("data", (chunk: Buffer) => chunks.push(chunk));
    res.on("error", reject);
    res.on("end", () => {
      const { statusCode: code = 0 } = res;
      const raw = Buffer.concat(chunks);
      resolve({ code, headers: res.headers, body: raw.toString(), raw });
    });
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

/** Clients that ask one host over and over, each on a connection it keeps, and count it all. */
export class Load implements AsyncDisposable {
  readonly answers = new Map<string, number>();
  readonly failures: string[] = [];
  readonly #clients: Promise<void>[];
  #isOver = false;

  /** `options` are of each request; there is no pause between two. */
  constructor(address: Address | undefined, clients: number, options: AskOptions) {
    this.#clients = Array.from({ length: clients }, () => this.#run(address, options));
  }

  get count(): number {
    return [...this.answers.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Waits until so many more were answered. */
  async goesOn(more: number): Promise<void> {
    const goal = this.count + more;
    await until(`${more} more are answered`, () => this.count >= goal);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(address: Address | undefined, options: AskOptions): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!this.#isOver) {
      try {
        const { code, body } = await ask(address, { ...options, agent });
        const answer = code === 200 ? body : `${code} ${body}`;
        this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
      } catch (thrown) {
        this.failures.push(String(thrown));
      }
    }
    agent.destroy();
  }
}

/** What a worker does, in this process, so that a test can look into it. */
export function planeOfTest(): DataPlane {
  return makeDataPlane({
    ...{ clock: systemClock, chance: systemChance },
    isSettled: () => true,
    waiting: () => {},
    woke: () => {},
  });
}

/** A connection that says exactly what it is told, and keeps what it hears. */
export class RawClient implements Disposable {
  readonly socket: Socket;
  heard = "";
  isClosed = false;

  constructor({ port, host }: Address) {
    this.socket = connect(port, host);
    this.socket.on("data", (bytes) => {
      this.heard += bytes.toString("latin1");
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.isClosed = true;
    });
  }

  say(...lines: readonly string[]): void {
    this.socket.write(lines.join("\r\n"), "latin1");
  }

  /** Waits until this has been heard. */
  async hears(text: string): Promise<void> {
    await until(`"${text}" is heard: ${this.heard}`, () => this.heard.includes(text));
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
