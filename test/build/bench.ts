import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BUILD, type Build, isOver } from "../../src/api/build.ts";
import type { BuildSpec, Step } from "../../src/api/build_spec.ts";
import { conditionOf } from "../../src/api/condition.ts";
import type { Draft, Resource } from "../../src/api/meta.ts";
import { TestRegistry } from "../../src/oci/test_registry.ts";
import { untilSo } from "../../src/runtime/test_bed.ts";
import { makeImage } from "../containers/bed.ts";
import { OwnEngine } from "../containers/engine.ts";
import { Kubectl } from "../kubernetes/kubectl.ts";
import { VarveProcess } from "../support/varve_process.ts";

const namespace = "default";
/** What every step begins with. */
const HEAD = `
const fs = require("node:fs");
const { env, exit, cwd } = process;
const read = (path) => fs.readFileSync(path, "utf8").trim();
const want = (is, wanted) => {
  if (is === wanted) return;
  console.error("found " + JSON.stringify(is) + ", and wanted " + JSON.stringify(wanted));
  exit(1);
};
`;

export interface Ended {
  readonly build: Build;
  /** Of its Succeeded: status, reason and message. */
  readonly said: string;
}

/** A server with an engine and a registry of its own, and what Builds fetch. */
export class BuildBench implements AsyncDisposable {
  readonly engine: OwnEngine;
  readonly registry: TestRegistry;
  readonly varve: VarveProcess;
  readonly kubectl: Kubectl;
  readonly directory = mkdtempSync(join(tmpdir(), "varve-builds-"));
  readonly #files: Server;
  readonly #served = new Map<string, Buffer>();

  private constructor(engine: OwnEngine, registry: TestRegistry, varve: VarveProcess) {
    this.engine = engine;
    this.registry = registry;
    this.varve = varve;
    this.kubectl = new Kubectl(varve);
    this.#files = createServer((request, response) => {
      const found = this.#served.get(request.url ?? "");
      response.writeHead(found === undefined ? 404 : 200).end(found);
    });
  }

  static async start(): Promise<BuildBench> {
    const engine = await OwnEngine.start();
    const registry = new TestRegistry();
    await registry.start();
    const config = { Env: ["PATH=/usr/bin"], Entrypoint: ["node", "-e"] };
    registry.add("node:1", await makeImage({ files: { empty: "" }, config }));
    const varve = await VarveProcess.start({ flags: ["--containers", `unix://${engine.socket}`] });
    const bench = new BuildBench(engine, registry, varve);
    await new Promise<void>((resolve) => bench.#files.listen(0, "127.0.0.1", resolve));
    return bench;
  }

  /** A step that runs this code. */
  step(code: string, more: Partial<Step> = {}): Step {
    return { image: `${this.registry.host}/node:1`, args: [`${HEAD}${code}`], ...more };
  }

  async create<R extends Resource>(draft: object): Promise<R> {
    return await this.varve.client.create<R>(draft as Draft<R>);
  }

  async make(name: string, spec: BuildSpec): Promise<Build> {
    const { apiVersion, kind } = BUILD;
    return await this.create({ apiVersion, kind, metadata: { namespace, name }, spec });
  }

  async get(name: string): Promise<Build> {
    return await this.varve.client.get(BUILD, { namespace, name });
  }

  /** Waits for the end of a Build. */
  async ended(name: string): Promise<Ended> {
    await untilSo(`the end of Build ${name}`, async () => isOver(await this.get(name)));
    const build = await this.get(name);
    const { status, reason, message } = conditionOf(build.status, "Succeeded") ?? {};
    return { build, said: [status, reason, message].filter((it) => it !== undefined).join(" ") };
  }

  async run(name: string, spec: BuildSpec): Promise<Ended> {
    await this.make(name, spec);
    return await this.ended(name);
  }

  /** Runs a Build that has to succeed. */
  async succeeds(name: string, spec: BuildSpec): Promise<Build> {
    const { build, said } = await this.run(name, spec);
    const log = said === "True" ? "" : await this.log(name);
    assert.equal(said, "True", log);
    return build;
  }

  /** What a Build has said, or one step of it. */
  async log(name: string, container = "nop"): Promise<string> {
    return await this.kubectl.says(`logs ${name}-pod -c ${container}`);
  }

  serve(path: string, content: string | Buffer): string {
    this.#served.set(path, Buffer.from(content));
    const { port } = this.#files.address() as AddressInfo;
    return `http://127.0.0.1:${port}${path}`;
  }

  /** Writes files into a new directory. */
  write(name: string, files: Readonly<Record<string, string>>): string {
    const root = join(this.directory, name);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return root;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.varve[Symbol.asyncDispose]();
    await this.registry[Symbol.asyncDispose]();
    await this.engine[Symbol.asyncDispose]();
    this.#files.closeAllConnections();
    this.#files.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Git in a directory, as somebody. */
export function git(cwd: string, ...args: readonly string[]): string {
  const who = ["-c", "user.name=me", "-c", "user.email=me@example.com"];
  const options = { cwd, encoding: "utf8", stdio: "pipe" } as const;
  return execFileSync("git", [...who, ...args], options).trim();
}
