import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  accessSync,
  constants,
  createWriteStream,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const UP_MS = 60_000;
/** Podman's service, which speaks the Docker Engine API, instead of dockerd. */
const isPodman = process.env["VARVE_TEST_ENGINE"] === "podman";

/** Why no engine can be started here, or nothing. */
export function whyNoEngine(): string | undefined {
  if (process.platform !== "linux") return "a Docker engine of our own needs Linux";
  if (process.getuid?.() !== 0) return "a Docker engine of our own is started by root alone";
  if (isPodman && has("podman") && has("runc")) return undefined;
  if (isPodman) return "there is no podman and runc on the PATH (apt-get install podman runc)";
  if (has("dockerd") && has("containerd") && has("runc")) return undefined;
  return "there is no dockerd, containerd and runc on the PATH (apt-get install docker.io)";
}

export function has(program: string): boolean {
  const places = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`.split(":");
  return places.some((place) => {
    try {
      accessSync(join(place, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A real engine with all it has in a directory of its own, which is gone when disposed. */
export class OwnEngine implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "varve-engine-"));
  readonly socket = join(this.directory, "docker.sock");
  #child: ChildProcess | undefined;

  static async start(): Promise<OwnEngine> {
    const engine = new OwnEngine();
    await engine.start();
    return engine;
  }

  get address() {
    return { kind: "unix", path: this.socket } as const;
  }

  /** Starts it, or starts it again after `stop`. */
  async start(): Promise<void> {
    const at = (name: string) => join(this.directory, name);
    const [program, ...args] = isPodman ? this.#podman(at) : this.#dockerd(at);
    const env: NodeJS.ProcessEnv = { ...process.env, CONTAINERS_CONF: at("containers.conf") };
    env["PATH"] += ":/usr/sbin:/sbin";
    // Where we are in a container ourselves, Podman's own limits are more than we may give.
    writeFileSync(
      at("containers.conf"),
      '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n',
    );
    const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    const log = createWriteStream(at("log"), { flags: "a" });
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    this.#child = child;
    const lateMs = performance.now() + UP_MS;
    while (!(await this.#answers())) {
      const isUp = child.exitCode === null && performance.now() < lateMs;
      assert(isUp, `${program} does not come up: ${readFileSync(at("log"), "utf8").slice(-2000)}`);
      await sleep(50);
    }
  }

  #dockerd(at: (name: string) => string): readonly [string, ...string[]] {
    const places = ["--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("pid")];
    return ["dockerd", ...places, "-H", `unix://${this.socket}`, "--log-level", "warn"];
  }

  #podman(at: (name: string) => string): readonly [string, ...string[]] {
    const places = ["--root", at("data"), "--runroot", at("run"), "--tmpdir", at("tmp")];
    const means = ["--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "file"];
    const service = ["system", "service", "--time", "0", `unix://${this.socket}`];
    return ["podman", ...places, ...means, "--network-config-dir", at("networks"), ...service];
  }

  /** Ends it, and what it runs. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    await exit;
  }

  /** What the engine's own command line says. */
  docker(...args: readonly string[]): string {
    return execFileSync("docker", ["-H", `unix://${this.socket}`, ...args], { encoding: "utf8" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#child !== undefined) await this.#removeNetwork();
    } finally {
      await this.stop();
      // Podman leaves its storage mounted on itself, and an engine that was begun anew the files
      // of a container that it found.
      this.#unmount(this.directory);
      rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  /** Takes away all mounts below a directory, innermost first; some go by themselves meanwhile. */
  #unmount(directory: string): void {
    const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    const points = lines.map((line) => line.split(" ")[4] ?? "");
    const ours = points.filter((point) => point.startsWith(`${directory}/`)).toReversed();
    for (const point of ours) spawnSync("umount", ["--lazy", point]);
  }

  /** Its bridge would outlive it on this machine, and take a piece of the private addresses. */
  async #removeNetwork(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      this.#endContainers();
      try {
        const networks = this.docker("network", "ls", "-q", "--filter", "name=varve");
        for (const id of networks.split("\n").filter(Boolean)) this.docker("network", "rm", id);
        return;
      } catch (thrown) {
        if (tries === 10) throw thrown;
        await sleep(500);
      }
    }
  }

  /**
   * They end, and leave the network. Files of theirs may stay until the directory goes: another
   * process that was just started may still see their mounts, and an engine that was begun anew
   * does not know of what its predecessor had mounted.
   */
  #endContainers(): void {
    const left = this.docker("ps", "-aq").split("\n").filter(Boolean);
    if (left.length > 0) spawnSync("docker", ["-H", `unix://${this.socket}`, "rm", "-f", ...left]);
  }

  async #answers(): Promise<boolean> {
    const { request } = await import("node:http");
    return await new Promise((resolve) => {
      const asked = request({ socketPath: this.socket, path: "/_ping" }, (answer) => {
        answer.resume().once("end", () => resolve(answer.statusCode === 200));
      });
      asked.once("error", () => resolve(false)).end();
    });
  }
}
