import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import type { VarveProcess } from "../support/varve_process.ts";

/** Why the stories of kubectl cannot be told on this machine, or nothing. */
export function whyNoKubectl(): string | false {
  const { status } = spawnSync("kubectl", ["version", "--client"], { stdio: "ignore" });
  return status === 0 ? false : "there is no kubectl on the PATH";
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the installed kubectl against a server, as whom a kubeconfig or a token says. */
export class Kubectl {
  readonly #varve: VarveProcess;
  readonly #who: readonly string[];

  constructor(varve: VarveProcess, who: readonly string[] = []) {
    this.#varve = varve;
    this.#who = who;
  }

  /** By a token instead of the home's: the kubeconfig must have none, or it would win. */
  withToken(token: string): Kubectl {
    const ca = join(this.#varve.home, "pki", "ca.crt");
    const where = ["--kubeconfig=/dev/null", `--server=${this.#varve.endpoints.api}`];
    return new Kubectl(this.#varve, [...where, `--certificate-authority=${ca}`, "--token", token]);
  }

  with(kubeconfig: string): Kubectl {
    return new Kubectl(this.#varve, [`--kubeconfig=${kubeconfig}`]);
  }

  run(line: string, input?: string): Promise<Ran> {
    const mine = [`--kubeconfig=${join(this.#varve.home, "kubeconfig")}`];
    const who = this.#who.length === 0 ? mine : this.#who;
    // Words are divided by blanks; none of ours has one in it.
    const args = [...line.split(" "), ...who, `--cache-dir=${join(this.#varve.home, "kubectl")}`];
    return new Promise((resolve) => {
      const child = execFile("kubectl", args, (error, out, err) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
        resolve({ code, out: out.trim(), err: err.trim() });
      });
      child.stdin?.end(input);
    });
  }

  /** What it prints. Throws what it complains of. */
  async out(line: string, input?: string): Promise<string> {
    const { code, out, err } = await this.run(line, input);
    if (code !== 0) throw new Error(`kubectl ${line}: ${err} ${out}`);
    return out;
  }

  /** What it complains of, with the beginning that all refusals have taken away. */
  async refusal(line: string, input?: string): Promise<string> {
    const { code, err, out } = await this.run(line, input);
    if (code === 0) throw new Error(`kubectl ${line} succeeded: ${out}`);
    return err.replace(/^(Error from server|error)[^:]*: /, "");
  }
}
