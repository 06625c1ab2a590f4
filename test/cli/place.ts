import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { NAMESPACE, type Namespace } from "../../src/api/namespace.ts";
import type { VarveProcess } from "../support/varve_process.ts";
import { commandLine, type Ended, type LineOptions } from "./command_line.ts";

/** Something that users do, and what comes of it. */
export interface Story {
  readonly title: string;
  readonly act: (place: Place) => Promise<void>;
}

const MAIN = join(import.meta.dirname, "../../src/main.ts");

type Files = Readonly<Record<string, string>>;

/** A namespace and a directory of one's own, and the command line there. */
export class Place implements AsyncDisposable {
  readonly varve: VarveProcess;
  readonly namespace: string;
  readonly directory: string;

  constructor(varve: VarveProcess, namespace: string, directory: string) {
    this.varve = varve;
    this.namespace = namespace;
    this.directory = directory;
  }

  static async make(varve: VarveProcess, namespace: string): Promise<Place> {
    const { apiVersion, kind } = NAMESPACE;
    await varve.client.create<Namespace>({ apiVersion, kind, metadata: { name: namespace } });
    return new Place(varve, namespace, await mkdtemp(join(tmpdir(), "varve-cli-")));
  }

  /** Runs a command line, split at spaces; single words may be given after it. */
  async run(line: string, ...more: readonly (string | LineOptions)[]): Promise<Ended> {
    const options = more.find((it) => typeof it !== "string") ?? {};
    const words = more.filter((it) => typeof it === "string");
    const args = [...line.split(" "), ...words, "-n", this.namespace];
    const variables = { VARVE_HOME: this.varve.home, PATH: process.env["PATH"] };
    return await commandLine(args, { directory: this.directory, ...options, variables });
  }

  /** Runs a command line that must do what it is asked to. */
  async done(line: string, ...more: readonly (string | LineOptions)[]): Promise<Ended> {
    const ended = await this.run(line, ...more);
    assert.equal(ended.code, 0, `varve ${line}: ${ended.out}${ended.err}`);
    return ended;
  }

  /** Where something is, or will be, in the directory here. */
  at(path: string): string {
    return join(this.directory, path);
  }

  /** Runs the program itself, in a process of its own. */
  async main(...args: readonly string[]): Promise<Ended> {
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    const env = { PATH, ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }) };
    const options = { cwd: this.directory, env, stdio: ["ignore", "pipe", "pipe"] as const };
    const child = spawn(process.execPath, [MAIN, ...args], {
      ...options,
      stdio: [...options.stdio],
    });
    const closed = once(child, "close");
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await closed;
    return { code, out, err };
  }

  /** What a command line prints, read as JSON. */
  async json<T>(line: string, ...more: readonly string[]): Promise<T> {
    const { out } = await this.run(line, ...more, "--json");
    return JSON.parse(out);
  }

  /** Writes files into a directory here, and answers with its path. */
  async write(name: string, files: Files): Promise<string> {
    const directory = join(this.directory, name);
    for (const [path, content] of Object.entries(files)) {
      const at = join(directory, path);
      await mkdir(dirname(at), { recursive: true });
      await writeFile(at, content);
    }
    return directory;
  }

  /** Writes an app that answers with a text and its revision. */
  async app(name: string, says: string, more: Files = {}): Promise<string> {
    return await this.write(name, { "package.json": PACKAGE, "server.js": server(says), ...more });
  }

  /** What the gateway answers at an address. */
  async answer(url: string): Promise<string> {
    const { host } = new URL(url);
    const { port } = new URL(this.varve.endpoints.gateway);
    const sent = request({ host: "127.0.0.1", port, headers: { host } });
    const response = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
      sent.on("response", resolve).on("error", reject).end();
    });
    return await text(response);
  }

  url(service: string, tag?: string): string {
    const { port } = new URL(this.varve.endpoints.gateway);
    const label = tag === undefined ? service : `${tag}-${service}`;
    return `http://${label}.${this.namespace}.localhost:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

const PACKAGE = JSON.stringify({ type: "module", scripts: { start: "node server.js" } });

function server(says: string): string {
  return `
    import { createServer } from "node:http";
    const { K_REVISION, PORT, X = "no x" } = process.env;
    console.log("started", K_REVISION);
    createServer((request, response) => {
      console.log("asked", request.headers.host.split(".")[0]);
      response.end(${JSON.stringify(says)} + " " + K_REVISION + " " + X);
    }).listen(PORT);
  `;
}
