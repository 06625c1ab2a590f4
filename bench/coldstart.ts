/** What a first request waits for: of one that is frozen or stopped, and of many at once. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { REVISION, type Revision } from "../src/api/revision.ts";
import { packDirectory } from "../src/base/pack.ts";
import { serviceFrom, VarveProcess } from "../test/support/varve_process.ts";
import { tellContainers } from "./coldstart_containers.ts";
import { claim, elapsedMs, rounded, times } from "./report.ts";

const MANY = Number(process.argv[2] ?? 100);
const SINGLES = 10;
const FROZEN_BUDGET_MS = 5;
const STOPPED_BUDGET_MS = 5_000;
const WARM = 20;
/** So many looks in a row find all of them there. */
const CALM = 4;
const BARE_PORT = 19_081;
/** The shortest that the autoscaler takes, so that one has not to wait for long. */
const SCALING = { "autoscaling.knative.dev/window": "6s" };
const SERVER = `require("node:http").createServer((_, res) => res.end("hello"))
  .listen(Number(process.env.PORT));`;

/** Little more than a process: what is measured with it is ours. */
const TRIVIAL = `use Socket;
socket(my $server, PF_INET, SOCK_STREAM, 6);
setsockopt($server, SOL_SOCKET, SO_REUSEADDR, 1);
bind($server, sockaddr_in($ENV{PORT}, INADDR_ANY)) or die $!;
listen($server, 128);
while (accept(my $client, $server)) {
  my $asked = "";
  while ($asked !~ /\\r\\n\\r\\n/ && sysread($client, my $bytes, 4096)) { $asked .= $bytes }
  my $head = "HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\nConnection: close";
  syswrite($client, "$head\\r\\n\\r\\nhello");
  close($client);
}`;
const TRIVIAL_COMMAND = ["perl", "server.pl"];

async function main(source: string): Promise<void> {
  writeFileSync(join(source, "server.js"), SERVER);
  writeFileSync(join(source, "server.pl"), TRIVIAL);
  writeFileSync(join(source, "package.json"), '{"scripts":{"start":"node server.js"}}');
  const archive = `${source}.tar`;
  const packed = packDirectory(source);
  writeFileSync(archive, Buffer.concat(await Array.fromAsync(packed)));
  const bare = await medianOf(SINGLES, () => bareMs(source));
  await tellNode(archive, bare);
  await tellTrivial(archive);
  await tellContainers(bare, tell);
}

/** Programs of Node, from both floors. */
async function tellNode(archive: string, bare: number): Promise<void> {
  await using varve = await VarveProcess.start();
  const names = Array.from({ length: MANY + SINGLES }, (_, at) => `s${at}`);
  for (const name of names) await deploy(varve, name, { archive });
  const [singles, many] = [names.slice(MANY), names.slice(0, MANY)];
  await untilAll(varve, names, "any");
  // What rests was asked before: a program's own first answer takes it several times as long.
  for (const name of names) for (let ask = 0; ask < WARM; ask += 1) await askMs(varve, name);

  await untilAll(varve, names, "frozen");
  const cold: number[] = [];
  const warm: number[] = [];
  for (const name of singles) {
    cold.push(await askMs(varve, name));
    warm.push(await askMs(varve, name));
  }
  const [wake, own] = [median(cold), median(warm)];
  const best = Math.min(...cold) - Math.min(...warm);
  const kept = wake - own <= FROZEN_BUDGET_MS ? "kept" : "missed";
  tell(
    `frozen: first byte after ${rounded(wake)} ms, ${times(wake, own)} the app's own ` +
      `${rounded(own)} ms; +${rounded(wake - own)} ms (best of each: +${rounded(best)} ms), ` +
      `budget ${FROZEN_BUDGET_MS} ms: ${kept}`,
  );
  const all = await waveMs(varve, many);
  tell(`${MANY} frozen at once: all served in ${rounded(all)} ms, budget 500 ms`);

  await untilAll(varve, names, "stopped");
  const starts: number[] = [];
  for (const name of singles) starts.push(await askMs(varve, name));
  const started = median(starts);
  tell(
    `stopped: first byte after ${rounded(started)} ms, ${times(started, bare)} bare ` +
      `\`node server.js\` (${rounded(bare)} ms); +${rounded(started - bare)} ms, budget 150 ms`,
  );
  const slow = await waveMs(varve, many);
  const each = MANY * bare;
  tell(
    `${MANY} stopped at once: all served in ${rounded(slow)} ms, ${times(slow, each)} as many ` +
      `bare starts in turn (${rounded(each)} ms); budget 5,000 ms for a trivial process`,
  );
}

/** A program that takes next to nothing itself, on the same way. */
async function tellTrivial(archive: string): Promise<void> {
  if (spawnSync("perl", ["-e", "1"]).status !== 0) {
    claim("coldstart", "trivial processes: skipped, there is no perl here");
    return;
  }
  await using varve = await VarveProcess.start();
  const names = Array.from({ length: MANY }, (_, at) => `t${at}`);
  const more = { archive, command: TRIVIAL_COMMAND, frozenFor: "0s" };
  for (const name of names) await deploy(varve, name, more);
  await untilAll(varve, names, "any");
  for (const name of names) await askMs(varve, name);
  await untilAll(varve, names, "stopped");
  const ms = await waveMs(varve, names);
  const kept = ms <= STOPPED_BUDGET_MS ? "kept" : "missed";
  const budget = `budget ${rounded(STOPPED_BUDGET_MS)} ms: ${kept}`;
  tell(`${MANY} trivial processes, stopped, at once: all served in ${rounded(ms)} ms, ${budget}`);
}

/** What the machine was like goes with each figure. */
function tell(text: string): void {
  const [load = 0] = loadavg();
  claim(
    "coldstart",
    `${text} [${cpus().length} cores, ${idleness()} idle, load ${load.toFixed(1)}]`,
  );
}

let before = cpuTimes();

function cpuTimes() {
  const all = cpus().map(({ times: it }) => it);
  const idle = all.reduce((sum, it) => sum + it.idle, 0);
  const total = all.reduce((sum, it) => sum + it.idle + it.user + it.sys + it.nice + it.irq, 0);
  return { idle, total };
}

/** Since it was asked the last time. */
function idleness(): string {
  const now = cpuTimes();
  const share = (now.idle - before.idle) / Math.max(1, now.total - before.total);
  before = now;
  return `${Math.round(share * 100)} %`;
}

interface Deployed {
  readonly archive: string;
  readonly command?: readonly string[];
  readonly frozenFor?: string;
}

async function deploy(varve: VarveProcess, name: string, deployed: Deployed): Promise<void> {
  const { archive, command, frozenFor = "60s" } = deployed;
  const draft = serviceFrom(`archive+file://${archive}`, name);
  const { template } = draft.spec;
  const resting = { ...SCALING, "varve.dev/frozen-for": frozenFor };
  const annotations = { ...template?.metadata?.annotations, ...resting };
  const [container = {}] = template?.spec?.containers ?? [];
  const containers = [{ ...container, ...(command !== undefined && { command }) }];
  const spec = { ...template?.spec, containers };
  await varve.client.create({
    ...draft,
    spec: { template: { ...template, metadata: { annotations }, spec } },
  });
}

/** Waits until all are ready, and on this floor. */
async function untilAll(
  varve: VarveProcess,
  names: readonly string[],
  floor: "any" | "frozen" | "stopped",
): Promise<void> {
  const deadline = performance.now() + 300_000;
  let calm = 0;
  for (;;) {
    const { items } = await varve.client.list(REVISION);
    const resting = items.filter(({ status }) => {
      const isIdle = status?.desiredReplicas === 0 && status.actualReplicas === 0;
      const isReady = status?.conditions?.some((it) => it.type === "Ready" && it.status === "True");
      if (floor === "any" || !isIdle) return isReady && floor === "any";
      return isReady && (status.frozenReplicas ?? 0) === (floor === "frozen" ? 1 : 0);
    });
    // One that has just been thawed is on no floor for a moment.
    calm = resting.length === names.length ? calm + 1 : 0;
    if (calm === CALM) break;
    const isFailed = ({ status }: Revision) =>
      status?.conditions?.some((it) => it.type === "Ready" && it.status === "False") === true;
    const failed = items.find(isFailed);
    if (failed !== undefined || performance.now() > deadline) {
      const said = JSON.stringify(failed?.status ?? {}, undefined, 1);
      throw new Error(`${resting.length} are ${floor}, not all; one that failed: ${said}`);
    }
    await sleep(500);
  }
  idleness();
}

const agent = new Agent({ keepAlive: true });

async function askMs({ endpoints }: VarveProcess, name: string): Promise<number> {
  return await elapsedMs(() =>
    get(Number(new URL(endpoints.gateway).port), `${name}.default.localhost`),
  );
}

async function waveMs(varve: VarveProcess, names: readonly string[]): Promise<number> {
  idleness();
  return await elapsedMs(() => Promise.all(names.map((name) => askMs(varve, name))));
}

function get(port: number, host: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const asked = request({ port, agent, headers: { host } }, (answer) => {
    const isFine = answer.statusCode === 200;
    answer.resume().once("end", () => {
      if (isFine) resolve();
      else reject(new Error(`${host} answers ${answer.statusCode}`));
    });
  });
  asked.once("error", reject).end();
  return promise;
}

async function bareMs(directory: string): Promise<number> {
  const env = { PORT: String(BARE_PORT) };
  const child = spawn(process.execPath, ["server.js"], { cwd: directory, env });
  const ms = await elapsedMs(async () => {
    while (
      !(await get(BARE_PORT, "x").then(
        () => true,
        () => false,
      ))
    )
      await sleep(1);
  });
  const exit = once(child, "exit");
  child.kill();
  await exit;
  return ms;
}

async function medianOf(rounds: number, act: () => Promise<number>): Promise<number> {
  const all: number[] = [];
  for (let round = 0; round < rounds; round += 1) all.push(await act());
  return median(all);
}

function median(all: readonly number[]): number {
  return all.toSorted((one, other) => one - other)[all.length >> 1] ?? 0;
}

const source = mkdtempSync(join(tmpdir(), "varve-bench-"));
try {
  await main(source);
} finally {
  agent.destroy();
  rmSync(source, { recursive: true });
  rmSync(`${source}.tar`, { force: true });
}
