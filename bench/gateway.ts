import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Rig } from "../src/gateway/rig.ts";
import { Paced } from "./gateway_paced.ts";
import { cpuMicros, installed, type Peer, startHaproxyTable, startOurs } from "./gateway_peers.ts";
import { load, type Target } from "./gateway_wrk.ts";
import { claim, inTurn, rounded } from "./report.ts";

/**
 * Claims: a request through one gateway worker costs at most 1.5 times the processor time that it
 * costs through one nginx worker, and 0.35 times that of Caddy (64 keep-alive connections, a 9:1
 * split, small bodies, all in one run and in turn); a table of 10,000 hosts makes no request
 * dearer, and where all of them are asked, by connections of their own, a request becomes dearer by
 * no more than with HAProxy; and a change of traffic is confirmed by all workers within 50 ms. The
 * load and the instances are processes of their own, and their time is not counted.
 */
const SECONDS = 3;
const ROUNDS = 3;
const BUDGETS: Readonly<Record<string, number>> = { nginx: 1.5, caddy: 0.35 };
/** Requests to warm up. */
const WARM = 40_000;
const PACE = 1_000;
const SERVICES = 10_000;
const FEW = 10;
const TABLE_ROUNDS = 9;
const CHANGES = 200;
const HOSTS = "s-#.default.localhost";

await using stack = new AsyncDisposableStack();
const ports = await startUpstream();
const others = installed();
for (const name of ["nginx", "haproxy", "caddy"]) {
  if (!others.some(([one]) => one === name)) claim("gateway", `${name} is not installed: skipped`);
}
const ours = stack.use(await startOurs(ports));
const peers: Peer[] = [ours];
for (const [, start] of others) peers.push(stack.use(await start(ports)));
await compareCost();
await compareLatency();
await compareTables();
await compareChanges();

async function startUpstream(): Promise<readonly number[]> {
  const script = fileURLToPath(new URL("gateway_upstream.ts", import.meta.url));
  const child = spawn(process.execPath, [script, "2"], { stdio: ["pipe", "pipe", "inherit"] });
  stack.defer(() => void child.kill());
  const [said] = await once(child.stdout, "data");
  return String(said).trim().split(" ").map(Number);
}

async function compareCost(): Promise<void> {
  const costs = new Map<string, number[]>();
  for (const peer of peers) await warm(peer);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const peer of peers) {
      const list = costs.get(peer.name) ?? [];
      costs.set(peer.name, list);
      list.push(await costOf(peer));
    }
  }
  const us = (name: string) => median(costs.get(name) ?? []);
  for (const { name } of peers) {
    claim("gateway", `${name}: ${us(name).toFixed(1)} µs of processor time a request`);
  }
  for (const { name } of peers.slice(1)) {
    const budget = BUDGETS[name] === undefined ? "" : ` (budget ${BUDGETS[name]} x)`;
    claim("gateway", `a request costs ${(us("varve") / us(name)).toFixed(2)} x ${name}${budget}`);
  }
}

type Costing = Target & Pick<Peer, "pids">;

/** What is compiled while it runs is compiled by then, also where others use the machine. */
async function warm(target: Target): Promise<void> {
  for (let sent = 0, tries = 0; sent < WARM && tries < 15; tries += 1) {
    sent += (await load(target, 1)).good;
  }
}

async function costOf(target: Costing): Promise<number> {
  const { pids } = target;
  const before = cpuMicros(pids);
  const { good, bad } = await load(target, SECONDS);
  assert.equal(bad, 0, `${bad} requests to port ${target.port} failed`);
  return (cpuMicros(pids) - before) / good;
}

/** At a pace that leaves all of them idle most of the time. */
async function compareLatency(): Promise<void> {
  const direct = await paced(ports[0] ?? 0);
  for (const { name, port } of peers) {
    const through = await paced(port);
    const added = (share: number) => (at(through, share) - at(direct, share)).toFixed(2);
    const what = `p50 ${added(0.5)} ms, p99 ${added(0.99)} ms`;
    claim("gateway", `${name} adds at ${rounded(PACE)} requests/s: ${what}`);
  }
}

/** How long each request took, in order of length. */
async function paced(port: number): Promise<readonly number[]> {
  const times: number[] = [];
  const clients = Array.from({ length: 32 }, () => new Paced(port, times));
  const start = performance.now();
  let sent = 0;
  while (sent < PACE * 3) {
    const due = ((performance.now() - start) * PACE) / 1000;
    for (; sent < due; sent += 1) clients[sent % clients.length]?.ask();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (const client of clients) client.end();
  return times.sort((one, other) => one - other);
}

/**
 * Requests spread over all hosts, in a table of ten and in one of very many. Where all of them are
 * asked, so are as many connections, each cold in every cache: that is a floor (design 0095), so
 * HAProxy is asked for the same, and ten hosts that have as many instances among them.
 */
async function compareTables(): Promise<void> {
  const small = await tableOf(FEW, 1);
  const large = await tableOf(SERVICES, 1);
  const wide = await tableOf(FEW, 1, { instances: SERVICES / FEW, to: await startUpstream() });
  const part = { ...large, hosts: FEW };
  const theirs = others.some(([name]) => name === "haproxy")
    ? { few: await haproxyOf(FEW), many: await haproxyOf(SERVICES) }
    : undefined;
  const targets = { small, part, large, wide, ...theirs };
  const costs = await inTurn(
    TABLE_ROUNDS,
    Object.fromEntries(Object.entries(targets).map(([key, it]) => [key, () => costOf(it)])),
  );
  const [of, to] = [`of ${rounded(SERVICES)} hosts x 3`, `the cost with ${FEW} in all`];
  const tell = (what: string, many = 0, few = 1) => {
    const each = `${many.toFixed(1)} µs, and ${few.toFixed(1)} µs`;
    claim("gateway", `${what}: ${(many / few).toFixed(2)} x ${to}: ${each}`);
    return many / few;
  };
  tell(`requests to ${FEW} ${of} (budget 1.1 x)`, costs["part"], costs["small"]);
  const ours = tell(`requests to all ${of}`, costs["large"], costs["small"]);
  const wider = (costs["large"] ?? 0) / (costs["wide"] ?? 1);
  const same = `the cost with ${FEW} hosts that have as many instances`;
  claim("gateway", `  that is ${wider.toFixed(2)} x ${same} (budget 1.1 x)`);
  if (theirs === undefined) return;
  const floor = tell(
    `the same by haproxy, ${rounded(SERVICES)} hosts`,
    costs["many"],
    costs["few"],
  );
  claim("gateway", `  that is ${(ours / floor).toFixed(2)} x haproxy's rise (budget 1.1 x)`);
}

/** With instances in a process of their own, or both together would have too many connections. */
async function haproxyOf(count: number): Promise<Costing> {
  const names = Array.from({ length: count }, (_, at) => HOSTS.replace("#", String(at)));
  const { port, pids } = stack.use(await startHaproxyTable(names, await startUpstream()));
  const target = { port, pids, host: HOSTS, hosts: count };
  await warm(target);
  return target;
}

async function compareChanges(): Promise<void> {
  const { change } = await tableOf(SERVICES, 2);
  const times: number[] = [];
  for (let at = 0; at < CHANGES; at += 1) {
    const began = performance.now();
    await change((at * 37) % SERVICES, 1 + (at % 99));
    times.push(performance.now() - began);
  }
  times.sort((one, other) => one - other);
  const what = `p50 ${at(times, 0.5).toFixed(1)} ms, p99 ${at(times, 0.99).toFixed(1)} ms`;
  claim("gateway", `a change confirmed by 2 workers, ${rounded(SERVICES)} hosts: ${what}`);
}

/**
 * So many hosts of three revisions, each with an instance of its own; the first has all requests.
 * Connections to instances are kept, or it is those that would be compared.
 */
async function tableOf(count: number, workers: number, { instances = 1, to = ports } = {}) {
  const rig = stack.use(new Rig());
  const fleet = await rig.start({ workers, limits: { poolIdleMs: 600_000 } });
  const limits = { timeoutMs: 60_000, concurrency: 0 };
  const idOf = (host: number, version: number) => `default/s-${host}-0000${version}`;
  const routeAt = (host: number, percent: number) => {
    const shares = [percent, 100 - percent];
    const split = shares.map((share, version) => {
      return { backend: idOf(host, version), percent: share };
    });
    const name = HOSTS.replace("#", String(host));
    return { id: `default/s-${host}`, hosts: [{ host: name, split }] };
  };
  const puts: Promise<void>[] = [];
  for (let host = 0; host < count; host += 1) {
    for (const version of [0, 1, 2]) {
      const where = { host: "127.0.0.1", port: to[version % 2] ?? 0 };
      const endpoints = Array.from({ length: instances }, (_, at) => {
        return { name: `${idOf(host, version)}-${at}`, ...where };
      });
      puts.push(fleet.putBackend({ id: idOf(host, version), endpoints, limits }));
    }
    puts.push(fleet.putRoute(routeAt(host, 100)));
    // In portions, for each is to be confirmed in time.
    if (host % 500 === 0) await Promise.all(puts.splice(0));
  }
  await Promise.all(puts);
  const target = { port: fleet.address?.port ?? 0, host: HOSTS, hosts: count };
  const pids = fleet.status().workers.map(({ pid }) => pid);
  if (workers === 1) await warm(target);
  const change = (host: number, percent: number) => fleet.putRoute(routeAt(host, percent));
  return { ...target, pids, change };
}

function median(values: readonly number[]): number {
  return at(
    values.toSorted((one, other) => one - other),
    0.5,
  );
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(sorted.length * share)] ?? 0;
}
