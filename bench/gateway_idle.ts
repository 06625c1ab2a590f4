/**
 * Claim: 10,000 idle keep-alive connections take at most half as much memory again as they take a
 * server of Node that does nothing (design 0095).
 *
 * Each round begins with a new process that has served a while, so that what requests take is not
 * counted among what connections take; and the median counts, for a process that has just collected
 * its garbage has less of it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HOST, isOnPath, memoryKb, type Peer, startNginx, startOurs } from "./gateway_peers.ts";
import { claim, inTurn, rounded } from "./report.ts";

const ROUNDS = 5;
const CONNECTIONS = 10_000;
const AT_ONCE = 100;
const WARM_CONNECTIONS = 32;
const WARM_REQUESTS = 1_000;
const SETTLE_MS = 2_000;
const BUDGET = 1.5;

await using stack = new AsyncDisposableStack();
const upstream = createServer((req, res) => void req.resume().on("end", () => res.end("ok")));
upstream.keepAliveTimeout = 0;
upstream.listen(0, "127.0.0.1");
await once(upstream, "listening");
stack.defer(() => {
  upstream.closeAllConnections();
  upstream.close();
});
const { port } = upstream.address() as AddressInfo;
const limits = { connectionsPerClientMax: 20_000, keepAliveMs: 600_000 };
const measures: Record<string, () => Promise<number>> = {
  varve: () => kibOf(startOurs([port, port], { limits })),
  "bare node": () => kibOf(startBare()),
};
if (isOnPath("nginx")) measures["nginx"] = () => kibOf(startNginx([port, port]));
const each = await inTurn(ROUNDS, measures);
for (const [name, kib] of Object.entries(each)) {
  const all = rounded((kib * CONNECTIONS) / 1024);
  const what = `${all} MiB, ${kib.toFixed(2)} KiB each`;
  claim("gateway_idle", `${name}: ${rounded(CONNECTIONS)} idle connections: ${what}`);
}
const ratio = (each["varve"] ?? 0) / (each["bare node"] ?? 1);
const verdict = ratio <= BUDGET ? "kept" : "missed";
claim(
  "gateway_idle",
  `  ${ratio.toFixed(2)} x a bare server of Node, budget ${BUDGET} x: ${verdict}`,
);

/** What a connection takes that has had an answer. */
async function kibOf(starting: Promise<Peer>): Promise<number> {
  await using peer = await starting;
  await Promise.all(Array.from({ length: WARM_CONNECTIONS }, () => warm(peer.port)));
  await sleep(SETTLE_MS);
  const before = memoryKb(peer.pids);
  const sockets: Socket[] = [];
  while (sockets.length < CONNECTIONS) {
    sockets.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => used(peer.port)))));
  }
  await sleep(SETTLE_MS);
  const grown = memoryKb(peer.pids) - before;
  for (const socket of sockets) socket.destroy();
  return grown / CONNECTIONS;
}

async function warm(to: number): Promise<void> {
  const socket = await used(to);
  for (let request = 0; request < WARM_REQUESTS; request += 1) await ask(socket);
  socket.destroy();
}

/** A connection that has had one answer, and is kept. */
async function used(to: number): Promise<Socket> {
  const socket = connect(to, "127.0.0.1");
  await ask(socket);
  return socket;
}

async function ask(socket: Socket): Promise<void> {
  socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  await once(socket, "data");
}

/** The floor for anything in Node. */
async function startBare(): Promise<Peer> {
  const args = ["--max-semi-space-size=4", join(import.meta.dirname, "bare_idle.ts")];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = await once(child.stdout, "data");
  const end = async () => void child.kill("SIGKILL");
  return {
    name: "bare node",
    port: Number(said),
    pids: [child.pid ?? 0],
    [Symbol.asyncDispose]: end,
  };
}
