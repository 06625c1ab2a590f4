import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { text } from "node:stream/consumers";
import type { VarveProcess } from "../support/varve_process.ts";

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Why there is no kubectl to test with, or nothing. */
export function whyNoKubectl(): string | false {
  const { status, error } = spawnSync("kubectl", ["version", "--client"], { encoding: "utf8" });
  if (status === 0) return false;
  return `kubectl is not on the PATH (${error?.message ?? `it exits with ${status}`})`;
}

/** The kubectl of this machine, told of a server by its kubeconfig and nothing else. */
export class Kubectl {
  readonly #varve: VarveProcess;
  readonly #variables: Readonly<Record<string, string>>;

  constructor(varve: VarveProcess, variables: Readonly<Record<string, string>> = {}) {
    this.#varve = varve;
    this.#variables = variables;
  }

  /** Runs a command line, split at spaces; single words may be given after it. */
  async run(line: string, ...more: readonly string[]): Promise<Said> {
    return await this.typed("", line, ...more);
  }

  /** The same, with something to read. */
  async typed(input: string, line: string, ...more: readonly string[]): Promise<Said> {
    const child = this.start(line, ...more);
    child.stdin?.end(input);
    const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
    const [out, err] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
    return { code: await exit, out, err };
  }

  /** What a command that must succeed has to say. */
  async says(line: string, ...more: readonly string[]): Promise<string> {
    const { code, out, err } = await this.run(line, ...more);
    if (code !== 0) throw new Error(`kubectl ${line} ${more.join(" ")}: ${code}: ${out}${err}`);
    return out;
  }

  start(line: string, ...more: readonly string[]): ChildProcess {
    const { home } = this.#varve;
    const { PATH } = process.env;
    const env = { PATH, HOME: home, KUBECONFIG: `${home}/kubeconfig`, ...this.#variables };
    return spawn("kubectl", [...line.split(" "), ...more], { env });
  }
}

function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  return stream === null ? Promise.resolve("") : text(stream);
}
