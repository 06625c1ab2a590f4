import assert from "node:assert/strict";
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Rig } from "../src/gateway/rig.ts";

/**
 * Claims: a request that goes through one gateway worker costs at most so many times the processor
 * time that it costs through one nginx worker (64 keep-alive connections, a 9:1 split, small
 * bodies); and with 10,000 services a change of traffic is confirmed by all workers within 50 ms.
 * The load and the instances are processes of their own, and their time is not counted.
 */
const CLIENTS = 64;
const SECONDS = 5;
const WARM_UP_SECONDS = 2;
const SERVICES = 10_000;
const CHANGES = 200;
const HOST = "shop.default.localhost";
const BUDGET = { ratio: 1.5, changeMs: 50 };

interface Cost {
  readonly perSecond: number;
  /** Processor time of one request, in microseconds. */
  readonly us: number;
}

interface Run {
  readonly good: number;
  readonly bad: number;
}

const run = promisify(execFile);

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const upstream = start("gateway_upstream.ts", "2");
  stack.defer(() => void upstream.kill());
  assert(upstream.stdout !== null);
  const [said] = await once(upstream.stdout, "data");
  const ports = String(said).trim().split(" ").map(Number);

  const ours = await costOfGateway(ports);
  print(`gateway worker: ${told(ours)}`);
  const nginx = isOnPath("nginx") ? await costOfNginx(ports) : undefined;
  if (nginx === undefined) print("nginx: skipped, it is not on the PATH, so there is no ratio");
  else {
    print(`nginx worker: ${told(nginx)}`);
    const ratio = (ours.us / nginx.us).toFixed(2);
    print(`gateway CPU per request: ${ratio} × nginx (budget ${BUDGET.ratio} ×)`);
  }
  await measureChanges();
}

function told({ perSecond, us }: Cost): string {
  const load = isOnPath("wrk") ? "wrk" : "our own load";
  return `${us.toFixed(1)} µs CPU per request, ${perSecond.toFixed(0)} requests/s (${load})`;
}

async function costOfGateway(ports: readonly number[]): Promise<Cost> {
  await using rig = new Rig();
  const fleet = await rig.start();
  const limits = { timeoutMs: 60_000, concurrency: 0 };
  for (const [at, port] of ports.entries()) {
    const endpoints = [{ name: `i-${at}`, host: "127.0.0.1", port }];
    await fleet.putBackend({ id: `default/r-${at}`, endpoints, limits });
  }
  const split = [90, 10].map((percent, at) => ({ backend: `default/r-${at}`, percent }));
  await fleet.putRoute({ id: "default/shop", hosts: [{ host: HOST, split }] });
  const [worker] = fleet.status().workers;
  return await measure(worker?.pid ?? 0, fleet.address?.port ?? 0);
}

async function costOfNginx(ports: readonly number[]): Promise<Cost> {
  const home = mkdtempSync(join(tmpdir(), "varve-bench-"));
  const port = await freePort();
  const servers = ports.map((at, i) => `server 127.0.0.1:${at} weight=${i === 0 ? 9 : 1};`);
  writeFileSync(
    join(home, "nginx.conf"),
    `worker_processes 1; pid ${home}/pid; error_log ${home}/error.log; daemon off;
     events { worker_connections 4096; }
     http {
       access_log off; keepalive_requests 100000000;
       client_body_temp_path ${home}/b; proxy_temp_path ${home}/p; fastcgi_temp_path ${home}/f;
       uwsgi_temp_path ${home}/u; scgi_temp_path ${home}/s;
       upstream shop { ${servers.join(" ")} keepalive 128; keepalive_requests 100000000; }
       server {
         listen 127.0.0.1:${port} reuseport; server_name ${HOST};
         location / {
           proxy_pass http://shop; proxy_http_version 1.1;
           proxy_set_header Connection ""; proxy_set_header Host $http_host;
           proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
           proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;
           proxy_set_header Forwarded "for=$remote_addr;host=$http_host;proto=$scheme";
           add_header Varve-Revision r-0;
         }
       }
     }`,
  );
  const args = ["-p", home, "-c", join(home, "nginx.conf")];
  const nginx = spawn("nginx", args, { stdio: ["ignore", "inherit", "inherit"] });
  try {
    const worker = await workerOf(nginx);
    return await measure(worker, port);
  } finally {
    nginx.kill("SIGTERM");
    await once(nginx, "exit");
    rmSync(home, { recursive: true, force: true });
  }
}

/** Processor time over one run, after one to warm up. */
async function measure(pid: number, port: number): Promise<Cost> {
  await load(port, WARM_UP_SECONDS);
  const before = cpuMicros(pid);
  const { good, bad } = await load(port, SECONDS);
  const spent = cpuMicros(pid) - before;
  assert.equal(bad, 0, `${bad} requests failed`);
  return { perSecond: good / SECONDS, us: spent / good };
}

async function load(port: number, seconds: number): Promise<Run> {
  if (!isOnPath("wrk")) {
    const script = fileURLToPath(new URL("gateway_load.ts", import.meta.url));
    const args = [script, String(port), HOST, String(CLIENTS), String(seconds)];
    const { stdout } = await run(process.execPath, args);
    const [good = 0, bad = 0] = stdout.trim().split(" ").map(Number);
    return { good, bad };
  }
  const args = ["-t1", `-c${CLIENTS}`, `-d${seconds}s`, "-H", `Host: ${HOST}`];
  const { stdout } = await run("wrk", [...args, `http://127.0.0.1:${port}/`]);
  const good = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  const other = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(
    stdout,
  );
  const broken = (errors ?? []).slice(1).reduce((sum, count) => sum + Number(count), 0);
  return { good: good - other, bad: other + broken };
}

async function measureChanges(): Promise<void> {
  await using rig = new Rig();
  const fleet = await rig.start({ workers: 2 });
  const limits = { timeoutMs: 60_000, concurrency: 0 };
  const idOf = (at: number, version: number) => `default/s-${at}-0000${version}`;
  const puts: Promise<void>[] = [];
  const routeAt = (at: number, percent: number) => {
    const shares = [percent, 100 - percent];
    const split = shares.map((share, version) => ({ backend: idOf(at, version), percent: share }));
    return { id: `default/s-${at}`, hosts: [{ host: `s-${at}.default.localhost`, split }] };
  };
  for (let at = 0; at < SERVICES; at += 1) {
    for (const version of [0, 1, 2]) {
      const endpoints = [{ name: `${idOf(at, version)}-x`, host: "127.0.0.1", port: 9 }];
      puts.push(fleet.putBackend({ id: idOf(at, version), endpoints, limits }));
    }
    puts.push(fleet.putRoute(routeAt(at, 100)));
  }
  await Promise.all(puts);
  const times: number[] = [];
  for (let change = 0; change < CHANGES; change += 1) {
    const began = performance.now();
    await fleet.putRoute(routeAt((change * 37) % SERVICES, 1 + (change % 99)));
    times.push(performance.now() - began);
  }
  times.sort((one, other) => one - other);
  const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(1);
  const what = `a change of traffic, ${SERVICES} services, confirmed by 2 workers`;
  print(`${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (budget ${BUDGET.changeMs} ms)`);
}

function start(script: string, ...args: readonly string[]): ChildProcess {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return spawn(process.execPath, [path, ...args], { stdio: ["pipe", "pipe", "inherit"] });
}

async function workerOf({ pid }: ChildProcess): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    if (text !== "") return Number(text.split(" ")[0]);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("nginx has started no worker");
}

/** User and system time; the kernel counts in hundredths of a second. */
function cpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

function isOnPath(program: string): boolean {
  try {
    execFileSync("which", [program], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
