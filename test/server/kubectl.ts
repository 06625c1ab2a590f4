import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NAMESPACE, type Namespace } from "../../src/api/namespace.ts";
import type { VarveProcess } from "../support/varve_process.ts";

/** Something that a user of kubectl does, and what comes of it. */
export interface Story {
  readonly title: string;
  readonly act: (kubectl: Kubectl) => Promise<void>;
}

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Options {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Sees all that is written so far, and ends the command by saying true. */
  readonly until?: (out: string) => boolean;
}

/** Why the stories cannot be told here, or nothing. */
export function whyNoKubectl(): string | undefined {
  const { status, stdout } = spawnSync("kubectl", ["version", "--client", "-o", "json"]);
  if (status !== 0) return "there is no kubectl on the PATH";
  const { clientVersion } = JSON.parse(String(stdout));
  const minor = Number.parseInt(clientVersion.minor, 10);
  return minor >= 28 ? undefined : `kubectl is 1.${minor}, and these stories want 1.28 or later`;
}

/** The installed kubectl in a namespace of its own. */
export class Kubectl implements AsyncDisposable {
  readonly varve: VarveProcess;
  readonly namespace: string;
  readonly directory: string;
  readonly #cache: string;

  constructor(varve: VarveProcess, namespace: string, at: { directory: string; cache: string }) {
    this.varve = varve;
    this.namespace = namespace;
    this.directory = at.directory;
    this.#cache = at.cache;
  }

  static async make(varve: VarveProcess, namespace: string, cache: string): Promise<Kubectl> {
    const { apiVersion, kind } = NAMESPACE;
    await varve.client.create<Namespace>({ apiVersion, kind, metadata: { name: namespace } });
    const directory = await mkdtemp(join(tmpdir(), "varve-kubectl-"));
    return new Kubectl(varve, namespace, { directory, cache });
  }

  /** Runs a command line, split at spaces; words with spaces may be given after it. */
  async run(line: string, ...more: readonly (string | Options)[]): Promise<Said> {
    const options = more.find((it) => typeof it !== "string") ?? {};
    const words = more.filter((it) => typeof it === "string");
    const where = ["--kubeconfig", join(this.varve.home, "kubeconfig"), "-n", this.namespace];
    const args = ["--cache-dir", this.#cache, ...where, ...line.split(" "), ...words];
    const env = { PATH: process.env["PATH"], HOME: this.directory, ...options.env };
    const child = spawn("kubectl", args, { cwd: this.directory, env });
    child.stdin.end(options.input ?? "");
    const said = { out: "", err: "" };
    child.stderr.on("data", (piece) => {
      said.err += String(piece);
    });
    child.stdout.on("data", (piece) => {
      said.out += String(piece);
      if (options.until?.(said.out)) child.kill("SIGINT");
    });
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { code, ...said };
  }

  /** Runs a command line that must do what it is asked to, and answers with what it prints. */
  async done(line: string, ...more: readonly (string | Options)[]): Promise<string> {
    const { code, out, err } = await this.run(line, ...more);
    assert.equal(code, 0, `kubectl ${line}: ${out}${err}`);
    return out;
  }

  /** Runs a command line that must be refused, and answers with why. */
  async refused(line: string, ...more: readonly (string | Options)[]): Promise<string> {
    const { code, out, err } = await this.run(line, ...more);
    assert.notEqual(code, 0, `kubectl ${line} was not refused: ${out}`);
    return err.trimEnd();
  }

  async json<T>(line: string): Promise<T> {
    return JSON.parse(await this.done(`${line} -o json`));
  }

  /** Writes objects into a file here, and answers with its name. */
  async write(name: string, ...objects: readonly object[]): Promise<string> {
    const list = { apiVersion: "v1", kind: "List", items: objects };
    const all = objects.length === 1 ? objects[0] : list;
    await writeFile(join(this.directory, name), JSON.stringify(all, undefined, 2));
    return name;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A ConfigMap as a manifest. */
export function configMap(name: string, data: Readonly<Record<string, string>>, more: object = {}) {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...more }, data };
}

/** A Service of an image that is nowhere: it is checked and kept, and never ready. */
export function service(name: string, container: object = {}) {
  const containers = [{ image: "127.0.0.1:1/none:1", ...container }];
  return {
    ...{ apiVersion: "serving.knative.dev/v1", kind: "Service", metadata: { name } },
    spec: { template: { spec: { containers } } },
  };
}
