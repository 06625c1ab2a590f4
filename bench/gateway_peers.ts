import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { KeyPair } from "../src/base/certificate.ts";
import type { SetLimits } from "../src/gateway/limits.ts";
import { Rig } from "../src/gateway/rig.ts";

/** A gateway that runs, in processes of its own. */
export interface Peer extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** For TLS, where that was asked for. */
  readonly tlsPort?: number | undefined;
  /** Of the processes whose work counts. */
  readonly pids: readonly number[];
}

export const HOST = "shop.default.localhost";

/** Two instances, 90 % of the requests to the first; one worker, or one thread, where it can. */
export const PEERS = {
  nginx: (ports: readonly number[]) => startNginx(ports),
  haproxy: startHaproxy,
  caddy: startCaddy,
} as const;

/** Which of them are installed, with what starts them. */
export function installed(): [string, (ports: readonly number[]) => Promise<Peer>][] {
  return Object.entries(PEERS).filter(([name]) => isOnPath(name));
}

export interface OurOptions {
  readonly limits?: SetLimits;
  /** For TLS, on a port of its own. */
  readonly pair?: KeyPair;
}

/** One worker of ours, with the same two instances. */
export async function startOurs(
  ports: readonly number[],
  { limits = {}, pair }: OurOptions = {},
): Promise<Peer> {
  const rig = new Rig();
  const fleet = await rig.start({ limits, ...(pair && { tls: { host: "127.0.0.1", port: 0 } }) });
  if (pair !== undefined) await fleet.putTls({ is: "certificate", id: "bench", ...pair });
  const long = { timeoutMs: 600_000, concurrency: 0 };
  for (const [at, port] of ports.entries()) {
    const endpoints = [{ name: `i-${at}`, host: "127.0.0.1", port }];
    await fleet.putBackend({ id: `default/r-${at}`, endpoints, limits: long });
  }
  const split = [90, 10].map((percent, at) => ({ backend: `default/r-${at}`, percent }));
  await fleet.putRoute({ id: "default/shop", hosts: [{ host: HOST, split }] });
  const pids = fleet.status().workers.map(({ pid }) => pid);
  const stop = () => rig[Symbol.asyncDispose]();
  const at = { port: fleet.address?.port ?? 0, tlsPort: fleet.tlsAddress?.port };
  return { name: "varve", ...at, pids, [Symbol.asyncDispose]: stop };
}

/** `more` goes into its server, such as further ports. */
export async function startNginx(ports: readonly number[], more = ""): Promise<Peer> {
  const servers = ports.map((at, i) => `server 127.0.0.1:${at} weight=${i === 0 ? 9 : 1};`);
  const config = (port: number, home: string) => `
    worker_processes 1; pid ${home}/pid; error_log ${home}/error.log; daemon off;
    events { worker_connections 16384; }
    http {
      access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
      client_max_body_size 0; proxy_request_buffering off; proxy_buffering off;
      client_body_temp_path ${home}/b; proxy_temp_path ${home}/p; fastcgi_temp_path ${home}/f;
      uwsgi_temp_path ${home}/u; scgi_temp_path ${home}/s;
      upstream shop { ${servers.join(" ")} keepalive 128; keepalive_requests 100000000; }
      server {
        listen 127.0.0.1:${port} reuseport backlog=4096; server_name ${HOST}; ${more}
        location / {
          proxy_pass http://shop; proxy_http_version 1.1;
          proxy_set_header Connection ""; proxy_set_header Host $http_host;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header X-Forwarded-Proto $scheme;
          proxy_set_header X-Forwarded-Host $http_host;
          proxy_set_header Forwarded "for=$remote_addr;host=$http_host;proto=$scheme";
          add_header Varve-Revision r-0;
        }
      }
    }`;
  return await run("nginx", config, (home, file) => ["-p", home, "-c", file]);
}

async function startHaproxy(ports: readonly number[]): Promise<Peer> {
  const servers = ports.map((at, i) => {
    return `server s${i} 127.0.0.1:${at} weight ${i === 0 ? 90 : 10}`;
  });
  const config = (port: number) => `${haproxyOn(port, "maxconn 8000")}
  default_backend shop
backend shop
  balance roundrobin
  ${HAPROXY_HEADERS}
  ${servers.join("\n  ")}
`;
  return await run("haproxy", config, (_, file) => ["-db", "-f", file]);
}

/** So many hosts, each with an instance of its own, to which connections are kept. */
export async function startHaproxyTable(
  names: readonly string[],
  ports: readonly number[],
): Promise<Peer> {
  // It closes idle connections when it has many of what it may have, which is more than we have.
  const most = "maxconn 9000\n  tune.pool-high-fd-ratio 95\n  tune.pool-low-fd-ratio 94";
  const backends = names.map((_, at) => {
    const server = `server s 127.0.0.1:${ports[at % ports.length]} pool-purge-delay 600s`;
    return `backend b${at}\n  ${HAPROXY_HEADERS}\n  ${server}\n`;
  });
  const config = (port: number, home: string) => {
    writeFileSync(join(home, "map"), names.map((name, at) => `${name} b${at}\n`).join(""));
    return `${haproxyOn(port, most)}
  use_backend %[req.hdr(host),lower,map_str(${home}/map)]
${backends.join("")}`;
  };
  return await run("haproxy", config, (_, file) => ["-db", "-f", file]);
}

const HAPROXY_HEADERS = `
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  http-request set-header Forwarded for=%[src];host=%[req.hdr(Host)];proto=http`.trim();

function haproxyOn(port: number, settings: string): string {
  return `
global
  nbthread 1
  ${settings}
defaults
  mode http
  timeout connect 3s
  timeout client 600s
  timeout server 600s
  option forwardfor
  http-reuse always
frontend shop
  bind 127.0.0.1:${port}
  http-response set-header Varve-Revision r-0`;
}

async function startCaddy(ports: readonly number[]): Promise<Peer> {
  const to = ports.map((at) => `127.0.0.1:${at}`).join(" ");
  const config = (port: number) => `{
  admin off
  auto_https off
}
http://${HOST}:${port} {
  bind 127.0.0.1
  header Varve-Revision r-0
  reverse_proxy ${to} {
    lb_policy weighted_round_robin 9 1
    transport http {
      keepalive_idle_conns_per_host 128
    }
  }
}
`;
  // Older ones know no weights; how they choose costs the same.
  const plain = (port: number) => config(port).replace("weighted_round_robin 9 1", "round_robin");
  return await run("caddy", plain, (_, file) => [
    "run",
    "--config",
    file,
    "--adapter",
    "caddyfile",
  ]);
}

type Config = (port: number, home: string) => string;
type Arguments = (home: string, file: string) => readonly string[];

async function run(name: string, config: Config, args: Arguments): Promise<Peer> {
  const home = mkdtempSync(join(tmpdir(), "varve-bench-"));
  const port = await freePort();
  const file = join(home, "config");
  writeFileSync(file, config(port, home));
  const env = { ...process.env, HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home };
  const child = spawn(name, args(home, file), { stdio: ["ignore", "ignore", "pipe"], env });
  let said = "";
  child.stderr?.on("data", (text) => {
    said = `${said}${text}`.slice(-2_000);
  });
  await untilOpen(port, child, () => `${name} did not start: ${said}`);
  const stop = async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null) await Promise.race([once(child, "exit"), sleep(3_000)]);
    child.kill("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  };
  return { name, port, pids: familyOf(child.pid ?? 0), [Symbol.asyncDispose]: stop };
}

async function untilOpen(port: number, child: ChildProcess, why: () => string): Promise<void> {
  for (let tries = 0; tries < 500 && child.exitCode === null; tries += 1) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (isOpen) return;
    await sleep(20);
  }
  throw new Error(why());
}

function familyOf(pid: number): readonly number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const children = tasks.flatMap((task) => {
    const text = readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim();
    return text === "" ? [] : text.split(" ").map(Number);
  });
  return [pid, ...children];
}

/** User and system time of all of them; the kernel counts in hundredths of a second. */
export function cpuMicros(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    sum += (Number(fields[11]) + Number(fields[12])) * 10_000;
  }
  return sum;
}

/** What is theirs of the memory, in kilobytes. */
export function memoryKb(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    return sum + Number(/^Pss: +(\d+)/m.exec(text)?.[1] ?? 0);
  }, 0);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

export function isOnPath(program: string): boolean {
  try {
    execFileSync("which", [program], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
