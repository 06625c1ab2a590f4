import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { makeCertificate } from "../src/base/certificate.ts";
import { systemClock } from "../src/base/clock.ts";
import * as Peers from "./gateway_peers.ts";
import { claim } from "./report.ts";

/**
 * Claims: what a request costs by TLS, by HTTP/2, and by both, beside one nginx worker with the
 * same settings: 64 requests at once, on connections that stay; HTTP/1.1 to the instances.
 */
const SECONDS = 3;
const ROUNDS = 3;

interface Way {
  readonly title: string;
  readonly args: readonly string[];
  readonly url: (peer: Both) => string;
}

/** One gateway with its ports: for HTTP/2 by prior knowledge, and for TLS. */
interface Both extends Peers.Peer {
  readonly streamPort: number;
}

const WAYS: readonly Way[] = [
  { title: "HTTP/1.1 over TLS", args: ["--h1", "-c64"], url: (it) => urlOf("https", it.tlsPort) },
  { title: "HTTP/2", args: ["-c16", "-m4"], url: (it) => urlOf("http", it.streamPort) },
  { title: "HTTP/2 over TLS", args: ["-c16", "-m4"], url: (it) => urlOf("https", it.tlsPort) },
];

const run = promisify(execFile);

await using stack = new AsyncDisposableStack();
const lack = ["h2load", "nginx"].find((name) => !Peers.isOnPath(name));
if (lack === undefined) await compare();
else claim("gateway_h2", `${lack} is not installed: skipped`);

async function compare(): Promise<void> {
  const ports = await startUpstream();
  const options = { name: "bench", hosts: [Peers.HOST], nowMs: systemClock.now(), days: 2 };
  const pair = { ...(await makeCertificate(options)), isOwn: true };
  const ours = stack.use(await Peers.startOurs(ports, { pair }));
  const theirs = await startNginx(ports, pair);
  const both: readonly Both[] = [{ ...ours, streamPort: ours.port }, theirs];
  for (const way of WAYS) {
    const costs = both.map((): number[] => []);
    for (const peer of both) await load(way, peer);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [at, peer] of both.entries()) costs[at]?.push(await costOf(way, peer));
    }
    const [us = 0, them = 0] = costs.map((some) => some.toSorted((a, b) => a - b)[ROUNDS >> 1]);
    const each = `${us.toFixed(1)} µs, and ${them.toFixed(1)} µs`;
    claim("gateway_h2", `a request by ${way.title}: ${(us / them).toFixed(2)} x nginx: ${each}`);
  }
}

async function startUpstream(): Promise<readonly number[]> {
  const script = fileURLToPath(new URL("gateway_upstream.ts", import.meta.url));
  const child = spawn(process.execPath, [script, "2"], { stdio: ["pipe", "pipe", "inherit"] });
  stack.defer(() => void child.kill());
  const [said] = await once(child.stdout, "data");
  return String(said).trim().split(" ").map(Number);
}

async function startNginx(ports: readonly number[], pair: { cert: string; key: string }) {
  const home = mkdtempSync(join(tmpdir(), "varve-bench-tls-"));
  stack.defer(() => rmSync(home, { recursive: true }));
  writeFileSync(join(home, "cert.pem"), pair.cert);
  writeFileSync(join(home, "key.pem"), pair.key, { mode: 0o600 });
  const [streamPort, tlsPort] = [await Peers.freePort(), await Peers.freePort()];
  const more = `
        listen 127.0.0.1:${streamPort} http2; listen 127.0.0.1:${tlsPort} ssl http2;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate ${home}/cert.pem; ssl_certificate_key ${home}/key.pem;`;
  return { ...stack.use(await Peers.startNginx(ports, more)), streamPort, tlsPort };
}

function urlOf(scheme: string, port = 0): string {
  return `${scheme}://${Peers.HOST}:${port}/`;
}

async function costOf(way: Way, peer: Both): Promise<number> {
  const before = Peers.cpuMicros(peer.pids);
  const good = await load(way, peer);
  return (Peers.cpuMicros(peer.pids) - before) / good;
}

/** Answers with how many were answered. */
async function load({ args, url }: Way, peer: Both): Promise<number> {
  const target = url(peer);
  const { port } = new URL(target);
  const how = ["-t1", `-D${SECONDS}`, `--connect-to=127.0.0.1:${port}`, ...args];
  const { stdout } = await run("h2load", [...how, target]);
  const said = /(\d+) succeeded, (\d+) failed, (\d+) errored/.exec(stdout) ?? [];
  const [, good, failed, errored] = said;
  assert.deepEqual([failed, errored], ["0", "0"], stdout);
  return Number(good);
}
