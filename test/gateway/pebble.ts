import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificate } from "../../src/base/certificate.ts";
import { systemClock } from "../../src/base/clock.ts";

export interface PebblePorts {
  /** Where it comes to look for proof. */
  readonly httpPort: number;
  readonly tlsPort: number;
}

export function hasPebble(): boolean {
  return ["pebble", "pebble-challtestsrv"].every((program) => {
    return spawnSync(program, ["-h"]).error === undefined;
  });
}

/** Pebble, the ACME server for tests, with names that all lead here. Refuses one nonce in five. */
export class Pebble implements AsyncDisposable {
  readonly directory: string;
  readonly port: number;
  readonly caPath: string;
  readonly #managementPort: number;
  #children: ChildProcess[] = [];

  private constructor(directory: string, port: number, managementPort: number) {
    this.directory = directory;
    this.port = port;
    this.#managementPort = managementPort;
    this.caPath = join(directory, "ca.pem");
  }

  /** Makes its certificate, so that others can be told whom to trust. */
  static async prepare(): Promise<Pebble> {
    const directory = mkdtempSync(join(tmpdir(), "varve-pebble-"));
    const pebble = new Pebble(directory, await freePort(), await freePort());
    const times = { nowMs: systemClock.now(), days: 2 };
    const issuer = await makeCertificate({ name: "of the test server", ...times });
    const hosts = ["127.0.0.1"];
    const { cert, key } = await makeCertificate({ name: "pebble", hosts, issuer, ...times });
    writeFileSync(pebble.caPath, issuer.cert);
    writeFileSync(join(directory, "cert.pem"), cert);
    writeFileSync(join(directory, "key.pem"), key);
    return pebble;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}/dir`;
  }

  async start({ httpPort, tlsPort }: PebblePorts): Promise<void> {
    const dns = `127.0.0.1:${await freePort()}`;
    const management = `127.0.0.1:${await freePort()}`;
    const none = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""];
    this.#run("pebble-challtestsrv", ["-dns01", dns, "-management", management, ...none]);
    const config = join(this.directory, "config.json");
    const pebble = {
      listenAddress: `127.0.0.1:${this.port}`,
      managementListenAddress: `127.0.0.1:${this.#managementPort}`,
      certificate: join(this.directory, "cert.pem"),
      privateKey: join(this.directory, "key.pem"),
      ...{ httpPort, tlsPort, ocspResponderURL: "", externalAccountBindingRequired: false },
    };
    writeFileSync(config, JSON.stringify({ pebble }));
    this.#run("pebble", ["-config", config, "-dnsserver", dns]);
    for (let tries = 0; tries < 200; tries += 1) {
      if (await this.root().catch(() => undefined)) return;
      await systemClock.sleep(50);
    }
    throw new Error("pebble did not start");
  }

  stop(): void {
    for (const child of this.#children.splice(0)) child.kill("SIGKILL");
  }

  /** What clients must trust to trust what it signs. */
  root(): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const to = { host: "127.0.0.1", port: this.#managementPort, path: "/roots/0" };
    // It is asked on a port of its own, and nothing depends on who answers there.
    const sent = request({ ...to, rejectUnauthorized: false }, (res) => {
      let text = "";
      res.on("data", (chunk) => {
        text += chunk;
      });
      res.on("end", () => resolve(text));
    });
    sent.on("error", reject);
    sent.end();
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #run(program: string, args: readonly string[]): void {
    const { PATH } = process.env;
    const env = { PATH, PEBBLE_VA_NOSLEEP: "1", PEBBLE_WFE_NONCEREJECT: "20" };
    this.#children.push(spawn(program, args, { env, stdio: "ignore" }));
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
