import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCertificate } from "../src/base/certificate.ts";
import { systemClock } from "../src/base/clock.ts";
import { type Etcd, freePort, hasEtcd, startEtcd } from "./etcd.ts";

/** An API server that is spoken to over HTTPS. */
export interface Target {
  readonly port: number;
  readonly token: string;
  readonly authority: string;
  /** The processes that it consists of. */
  readonly pids: readonly number[];
}

const TOKEN = "bench-token";
const START_MS = 120_000;

/** Where kube-apiserver is, or why there is none to stand beside. */
export function findKube(): { readonly path: string } | { readonly why: string } {
  if (!hasEtcd()) return { why: "there is no etcd on the PATH (Debian: etcd-server)" };
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const built = join(cache, "varve-peers/kube-apiserver");
  const named = process.env["KUBE_APISERVER"];
  const path = [named, "kube-apiserver", built].find((it) => it !== undefined && runs(it));
  if (path !== undefined) return { path };
  const build = "sh bench/peers/build-kube-apiserver.sh";
  return { why: `there is no kube-apiserver, by KUBE_APISERVER or on the PATH: ${build}` };
}

function runs(path: string): boolean {
  if (path.includes("/") && !existsSync(path)) return false;
  return spawnSync(path, ["--version"]).status === 0;
}

/** A kube-apiserver over an etcd, both on directories of their own. */
export class Kube implements AsyncDisposable {
  readonly etcd: Etcd;
  readonly #path: string;
  readonly #directory = mkdtempSync(join(tmpdir(), "varve-kube-"));
  #child: ChildProcess | undefined;
  #target: Target | undefined;

  constructor(path: string, etcd: Etcd) {
    this.#path = path;
    this.etcd = etcd;
  }

  static async make(path: string): Promise<Kube> {
    return new Kube(path, await startEtcd());
  }

  get target(): Target {
    if (this.#target === undefined) throw new Error("kube-apiserver has not started");
    return this.#target;
  }

  /** Answers once it says that it is ready. */
  async start(): Promise<Target> {
    const nowMs = systemClock.now();
    const issuer = await makeCertificate({ name: "authority", nowMs, days: 1 });
    const tls = await makeCertificate({
      ...{ name: "server", hosts: ["127.0.0.1"], issuer, nowMs, days: 1 },
    });
    const port = await freePort();
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const account = privateKey.export({ type: "pkcs8", format: "pem" });
    const file = (name: string, text: string | Buffer) => {
      writeFileSync(join(this.#directory, name), text);
      return join(this.#directory, name);
    };
    const key = file("account.key", account);
    const args = [
      ...["--etcd-servers", this.etcd.url, "--etcd-prefix", "/registry"],
      ...["--bind-address", "127.0.0.1", "--secure-port", String(port)],
      ...["--tls-cert-file", file("tls.crt", tls.cert)],
      ...["--tls-private-key-file", file("tls.key", tls.key)],
      ...["--service-account-issuer", "https://bench", "--service-account-key-file", key],
      ...["--service-account-signing-key-file", key, "--service-cluster-ip-range", "10.0.0.0/24"],
      ...["--token-auth-file", file("tokens.csv", `${TOKEN},bench,1,"system:masters"\n`)],
      ...["--authorization-mode", "RBAC", "--endpoint-reconciler-type", "none"],
      ...["--disable-admission-plugins", "ServiceAccount", "--v", "0"],
    ];
    const child = spawn(this.#path, args, { stdio: "ignore" });
    this.#child = child;
    const pids = [child.pid ?? 0, this.etcd.pid];
    this.#target = { port, token: TOKEN, authority: issuer.cert, pids };
    await this.#ready(child);
    return this.#target;
  }

  async #ready(child: ChildProcess): Promise<void> {
    const began = performance.now();
    const url = `https://127.0.0.1:${this.target.port}/readyz`;
    const authority = join(this.#directory, "ca.crt");
    writeFileSync(authority, this.target.authority);
    const args = ["-sf", "--cacert", authority, "-H", `Authorization: Bearer ${TOKEN}`, url];
    for (;;) {
      if (spawnSync("curl", args).status === 0) return;
      if (child.exitCode !== null) throw new Error(`kube-apiserver ended: ${child.exitCode}`);
      if (performance.now() - began > START_MS) throw new Error("kube-apiserver is not ready");
      await sleep(100);
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined && child.exitCode === null) {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.etcd[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** "v1.34.2", as it says of itself. */
export function versionOfKube(path: string): string {
  return execFileSync(path, ["--version"], { encoding: "utf8" }).trim().replace("Kubernetes ", "");
}
