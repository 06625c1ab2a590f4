/**
 * Claims: what the API costs its clients, beside a kube-apiserver with its etcd in the same run:
 * reads, lists, durable writes, watches, memory and a start with 100,000 objects. The clients are
 * this process, and the same for both: what they cost is in both, and brings ratios nearer to 1.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { NAMESPACE as NAMESPACE_KIND, type Namespace } from "../src/api/namespace.ts";
import { silentLog } from "../src/base/log.ts";
import { readKubeconfig } from "../src/client/kubeconfig.ts";
import { openDiskStore } from "../src/store/disk.ts";
import { configMap } from "../src/store/store.suite.ts";
import { VarveProcess } from "../test/support/varve_process.ts";
import { Load, NAMESPACE, pathIn, sample } from "./api_load.ts";
import { findKube, Kube, type Target, versionOfKube } from "./kube.ts";
import { claim, elapsedMs, inTurn, rounded, times } from "./report.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    watchers: { type: "string", default: "1000" },
    objects: { type: "string", default: "100000" },
  },
});
const ROUNDS = Number(values.rounds);
const WATCHERS = Number(values.watchers);
const OBJECTS = Number(values.objects);
const CHANGES = 30;
const BUDGET = { writes: 5, watchFloors: 1.5, restartMs: 2000 };
const TEXT = "x".repeat(800);
const ALL = pathIn(NAMESPACE);
const WATCHED = pathIn("watched");

/** A server by its name in the lines that are printed. */
interface Peer {
  readonly name: "ours" | "theirs";
  readonly load: Load;
}

const kube = findKube();
if ("why" in kube) claim("api", `beside kube-apiserver: skipped, as ${kube.why}`);
else claim("api", `beside kube-apiserver ${versionOfKube(kube.path)} with etcd, one node`);
await benchRequests();
await benchLarge();

async function benchRequests(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const varve = stack.use(await VarveProcess.start());
  const peers: Peer[] = [{ name: "ours", load: stack.use(new Load(await targetOf(varve))) }];
  if ("path" in kube) {
    const other = stack.use(await Kube.make(kube.path));
    peers.push({ name: "theirs", load: stack.use(new Load(await other.start())) });
  }
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } };
  for (const { load } of peers) await load.ask("POST", "/api/v1/namespaces", namespace);
  await benchCreate(peers);
  await benchRead(peers);
  await benchWatch(peers);
}

/** Of each server, in turn; nothing of one that is not there. */
async function each(
  peers: readonly Peer[],
  measure: (load: Load, name: string) => Promise<number>,
) {
  const of = (name: string) => peers.find((it) => it.name === name)?.load;
  const run = (name: string) => async () => {
    const load = of(name);
    return load === undefined ? Number.NaN : await measure(load, name);
  };
  const { ours, theirs } = await inTurn(ROUNDS, { ours: run("ours"), theirs: run("theirs") });
  return { ours, theirs: of("theirs") === undefined ? undefined : theirs };
}

/** What the servers themselves spent: it tells more than rates where others use the machine. */
function claimCpu(what: string, peers: readonly Peer[]): void {
  const [ours = 0, theirs] = peers.map(({ load }) => load.cpuUs);
  claim("api", `  CPU of the server, ${what}: ${rounded(ours)} µs${beside(ours, theirs, " µs")}`);
}

function beside(ours: number, theirs: number | undefined, unit: string): string {
  if (theirs === undefined) return "";
  return `, ${times(ours, theirs)} kube-apiserver + etcd (${rounded(theirs)}${unit})`;
}

async function benchCreate(peers: readonly Peer[]): Promise<void> {
  let made = 0;
  for (const { clients, count } of [
    { clients: 1, count: 300 },
    { clients: 64, count: 3000 },
  ]) {
    const { ours, theirs } = await each(peers, (load) => {
      made += 1;
      const run = made;
      return load.rate(clients, count, (at) => load.ask("POST", ALL, sample(`c${run}-${at}`)));
    });
    const what = `durable creates, ${clients} client${clients === 1 ? "" : "s"}`;
    claim("api", `${what}: ${rounded(ours)}/s${beside(ours, theirs, "/s")}`);
    claimCpu("each", peers);
    if (theirs !== undefined && clients > 1) judge(ours / theirs >= BUDGET.writes, "≥ 5 x");
  }
}

async function benchRead(peers: readonly Peer[]): Promise<void> {
  for (const { load } of peers) {
    await fill(load, "watched", 1);
    await fill(load, "list-1000", 1000);
    await fill(load, "list-10000", 10_000);
  }
  const get = await each(peers, (load) =>
    load.rate(16, 3000, () => load.ask("GET", `${pathIn("watched")}/c0`)),
  );
  claim("api", `get, 16 clients: ${rounded(get.ours)}/s${beside(get.ours, get.theirs, "/s")}`);
  claimCpu("each", peers);
  for (const count of [1000, 10_000]) {
    const path = pathIn(`list-${count}`);
    const { ours, theirs } = await each(peers, (load) =>
      elapsedMs(async () => {
        for (let done = 0; done < 3; done += 1) await load.ask("GET", path);
      }).then((ms) => ms / 3),
    );
    const what = `list of ${rounded(count)} objects of 1 KB`;
    claim("api", `${what}: ${rounded(ours)} ms${beside(ours, theirs, " ms")}`);
  }
}

/** A namespace of its own with so many objects. */
async function fill(load: Load, name: string, count: number): Promise<void> {
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
  await load.ask("POST", "/api/v1/namespaces", namespace);
  await load.rate(64, count, (at) => load.ask("POST", pathIn(name), sample(`c${at}`)));
}

/** From the sending of a write to its arrival at each of the watchers, a write at a time. */
async function benchWatch(peers: readonly Peer[]): Promise<void> {
  const p99s = new Map<string, number[]>();
  const { ours, theirs } = await each(peers, async (load, name) => {
    const { p50, p99 } = await delivery(load);
    p99s.set(name, [...(p99s.get(name) ?? []), p99]);
    return p50;
  });
  const middle = (name: string) =>
    p99s
      .get(name)
      ?.sort((one, other) => one - other)
      .at(ROUNDS >> 1) ?? 0;
  const what = `watch delivery to ${rounded(WATCHERS)} watchers, from the send of the write`;
  claim("api", `${what}: p50 ${rounded(ours)} ms${beside(ours, theirs, " ms")}`);
  const [own, other] = [middle("ours"), theirs === undefined ? undefined : middle("theirs")];
  claim("api", `${what}: p99 ${rounded(own)} ms${beside(own, other, " ms")}`);
  claimCpu(`for each change`, peers);
  const bare = await bareDelivery();
  const ratio = `ours is ${times(own, bare.p99)} that, at the median ${times(ours, bare.p50)}`;
  claim("api", `  a bare TLS server that writes the same: p99 ${rounded(bare.p99)} ms; ${ratio}`);
  judge(own <= BUDGET.watchFloors * bare.p99, "≤ 1.5 x the bare server");
}

/** The floor, on this machine and with this client: nothing but as many writes of as many bytes. */
async function bareDelivery(): Promise<{ readonly p50: number; readonly p99: number }> {
  const path = join(import.meta.dirname, "bare_watches.ts");
  const child = spawn(process.execPath, [path], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [said] = await once(child.stdout, "data");
    const { port, authority } = JSON.parse(String(said));
    using load = new Load({ port, authority, token: "", pids: [child.pid ?? 0] });
    const rounds = [await delivery(load), await delivery(load), await delivery(load)];
    const middle = (of: "p50" | "p99") =>
      rounds.map((it) => it[of]).sort((one, other) => one - other)[1] ?? 0;
    return { p50: middle("p50"), p99: middle("p99") };
  } finally {
    child.kill("SIGKILL");
  }
}

async function delivery(load: Load): Promise<{ readonly p50: number; readonly p99: number }> {
  let sentMs = 0;
  let waiting = 0;
  let arrived = () => {};
  const latencies: number[] = [];
  const heard = (piece: Buffer) => {
    if (!piece.includes('"type":"MODIFIED"')) return;
    latencies.push(performance.now() - sentMs);
    waiting -= 1;
    if (waiting === 0) arrived();
  };
  const sockets = [];
  for (let at = 0; at < WATCHERS; at += 50) {
    const some = Array.from({ length: 50 }, () => load.watch(WATCHED, heard));
    sockets.push(...(await Promise.all(some)));
  }
  await sleep(1000);
  await load.rate(1, CHANGES, async () => {
    const all = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    waiting = WATCHERS;
    sentMs = performance.now();
    await load.ask("PUT", `${WATCHED}/c0`, sample("c0", `${performance.now()}`));
    await Promise.race([all, sleep(10_000)]);
    if (waiting > 0) throw new Error(`${waiting} of ${WATCHERS} watchers were not told`);
    await sleep(20);
  });
  for (const socket of sockets) socket.destroy();
  latencies.sort((one, other) => one - other);
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

async function benchLarge(): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "varve-bench-"));
  try {
    await seedOurs(home);
    let varve: VarveProcess | undefined;
    const startMs = await elapsedMs(async () => {
      varve = await VarveProcess.start({ home });
    });
    await using ours = varve;
    if (ours === undefined) return;
    await sleep(3000);
    const own = memoryMb([ours.pid]);
    await ours.kill();
    const restartMs = await elapsedMs(() => ours.start());
    const theirs = "path" in kube ? await largeKube(kube.path) : undefined;
    const what = `with ${rounded(OBJECTS)} objects of 1 KB`;
    const memory = beside(own, theirs?.memoryMb, " MB");
    claim("api", `memory ${what}: ${rounded(own)} MB (control process, PSS)${memory}`);
    const start = beside(restartMs, theirs?.startMs, " ms");
    claim(
      "api",
      `start ${what}: ${rounded(startMs)} ms; after a SIGKILL ${rounded(restartMs)} ms${start}`,
    );
    judge(restartMs <= BUDGET.restartMs, "≤ 2 s after a SIGKILL");
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function seedOurs(home: string): Promise<void> {
  await using store = await openDiskStore({ path: join(home, "store.db"), log: silentLog });
  const { apiVersion, kind } = NAMESPACE_KIND;
  const stamps = { generation: 1, creationTimestamp: "2026-01-01T00:00:00Z" };
  const metadata = { name: NAMESPACE, uid: "bench", resourceVersion: "", ...stamps };
  const namespace: Namespace = { apiVersion, kind, metadata };
  await store.put(namespace, { expected: "absent" });
  for (let from = 0; from < OBJECTS; from += 1000) {
    const some = Array.from({ length: 1000 }, (_, at) =>
      store.put(configMap(`${NAMESPACE}/c${from + at}`, { text: TEXT }), { expected: "absent" }),
    );
    await Promise.all(some);
  }
}

/** Without the etcd's own start, which is short. */
async function largeKube(path: string) {
  await using other = await Kube.make(path);
  for (let from = 0; from < OBJECTS; from += 100) {
    const pairs = Array.from({ length: 100 }, (_, at) => {
      const { metadata, ...rest } = configMap(`${NAMESPACE}/c${from + at}`, { text: TEXT });
      const { resourceVersion: _version, ...kept } = metadata;
      const key = `/registry/configmaps/${NAMESPACE}/c${from + at}`;
      return { key, value: JSON.stringify({ ...rest, metadata: kept }) };
    });
    await other.etcd.putAll(pairs);
  }
  const startMs = await elapsedMs(() => other.start());
  using load = new Load(other.target);
  await load.ask("GET", `${ALL}?limit=1`);
  await sleep(3000);
  return { startMs, memoryMb: memoryMb(other.target.pids) };
}

async function targetOf(varve: VarveProcess): Promise<Target> {
  const connection = await readKubeconfig(join(varve.home, "kubeconfig"));
  const { server, token = "", authority = "" } = connection;
  return { port: Number(new URL(server).port), token, authority, pids: [varve.pid] };
}

function memoryMb(pids: readonly number[]): number {
  const kilobytes = pids.map((pid) => {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    return Number(/^Pss: +(\d+)/m.exec(text)?.[1]);
  });
  return kilobytes.reduce((sum, it) => sum + it, 0) / 1024;
}

function judge(isKept: boolean, budget: string): void {
  claim("api", `  budget ${budget}: ${isKept ? "kept" : "missed"}`);
}
