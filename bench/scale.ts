/**
 * How the control process bears very many services: `npm run bench -- scale`, with
 * `--services=10000 --revisions=3` at full size, and `--profile` to see where its time goes.
 *
 * All services have one small image and an initial scale of none, so that no instance is started
 * and what is measured is the control process and the gateway's table.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { isReady } from "../src/api/condition.ts";
import { CONFIG_MAP, type ConfigMap } from "../src/api/config_map.ts";
import type { Draft } from "../src/api/meta.ts";
import { SERVICE, type Service } from "../src/api/service.ts";
import type { KubernetesClient } from "../src/client/kubernetes.ts";
import { makeTestImage } from "../src/oci/test_image.ts";
import { TestRegistry } from "../src/oci/test_registry.ts";
import { numberFlag } from "../test/support/number_flag.ts";
import { VarveProcess } from "../test/support/varve_process.ts";
import { claim, elapsedMs, rounded, times } from "./report.ts";
import { reportProfile } from "./scale_profile.ts";

const FEW = 10;
const AT_ONCE = 16;
const ROUNDS = 20;
const WARM_ROUNDS = 3;
const MEMORY_BUDGET_MB = 1000;
const MEMORY_BUDGET_SERVICES = 10_000;
const RATIO_BUDGET = 1.2;
/** Until the room that work took has been given back. */
const REST_MS = 12_000;
const WITHIN_MS = 120_000;
const TICKS_PER_SECOND = 100;

const { values } = parseArgs({
  options: {
    services: { type: "string", default: "1000" },
    revisions: { type: "string", default: "3" },
    profile: { type: "boolean", default: false },
  },
});
const many = numberFlag("services", values.services, FEW + 1);
const revisions = numberFlag("revisions", values.revisions, 1);
const profiles = mkdtempSync(join(tmpdir(), "varve-profile-"));

const registry = new TestRegistry();
await registry.start();
const image = await makeTestImage({ config: { Labels: { "varve.dev/runtime": "process" } } });
registry.add("app:1", image);

async function main(): Promise<void> {
  await using varve = await VarveProcess.start({
    flags: ["--requests-per-second", "0"],
    ...(values.profile && { nodeFlags: ["--cpu-prof", `--cpu-prof-dir=${profiles}`] }),
  });
  await allowNoInitialScale(varve.client);
  await using ready = await Readiness.of(varve.client);
  const one = new Deployer(varve.client, ready);
  await one.deployAll(0, FEW);
  // A process that has just begun is slower than any that has worked a while.
  for (let round = 0; round < WARM_ROUNDS; round += 1) await one.more(varve.pid);
  await sleep(REST_MS / 4);
  const empty = memoryMb(varve.pid);
  const few = await one.more(varve.pid);
  one.waits.length = 0;
  const beforeMs = processorMs(varve.pid);
  const tookMs = await elapsedMs(() => one.deployAll(FEW, many));
  const deploys = (many - FEW) * revisions;
  const cpuMs = (processorMs(varve.pid) - beforeMs) / deploys;
  tellDeploys({ tookMs, cpuMs, deploys, waits: one.waits });
  await sleep(REST_MS);
  tellMemory(empty, memoryMb(varve.pid));
  tellMore(few, await one.more(varve.pid));
}

interface Deploys {
  readonly tookMs: number;
  readonly cpuMs: number;
  readonly deploys: number;
  readonly waits: readonly number[];
}

function tellDeploys({ tookMs, cpuMs, deploys, waits }: Deploys): void {
  const sorted = waits.toSorted((one, other) => one - other);
  const at = (share: number) => rounded(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  const size = `${rounded(many)} services x ${revisions} revisions`;
  claim("scale", `${size}: ${rounded(tookMs / deploys)} ms a deploy, ${AT_ONCE} at once`);
  claim("scale", `  create to ready: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`);
  claim("scale", `  reconciling: ${rounded(cpuMs)} ms of the control process a deploy`);
}

function tellMemory(empty: number, full: number): void {
  claim(
    "scale",
    `  control process: ${rounded(full)} MB, ${rounded(empty)} MB with ${FEW} services`,
  );
  // A smaller number says little of it: most of what there is by then is garbage.
  if (many < MEMORY_BUDGET_SERVICES || revisions < 3) return;
  const each = ((full - empty) * 1024) / (many - FEW);
  const verdict = full <= MEMORY_BUDGET_MB ? "kept" : "missed";
  claim("scale", `  budget ${MEMORY_BUDGET_MB} MB: ${verdict}, ${rounded(each)} KB a service`);
}

function tellMore(few: More, now: More): void {
  const beside = (what: keyof More) => {
    const than = `${times(now[what], few[what])} the ${rounded(few[what])} ms`;
    return `${rounded(now[what])} ms, ${than} with ${FEW} services`;
  };
  const verdict = now.tookMs / few.tookMs <= RATIO_BUDGET ? "kept" : "missed";
  claim("scale", `  one more deploy: ${beside("tookMs")}`);
  claim("scale", `  one more deploy, work of the control process: ${beside("cpuMs")}`);
  claim("scale", `  budget ${RATIO_BUDGET} x: ${verdict}`);
}

/** What one more deploy takes: the median of the time, and the mean of the work. */
interface More {
  readonly tookMs: number;
  readonly cpuMs: number;
}

/** Makes services and changes them, and notes how long each took to be ready. */
class Deployer {
  readonly waits: number[] = [];
  readonly #client: KubernetesClient;
  readonly #ready: Readiness;
  #count = 0;

  constructor(client: KubernetesClient, ready: Readiness) {
    this.#client = client;
    this.#ready = ready;
  }

  /** The services of these numbers, each with all of its revisions. */
  async deployAll(from: number, to: number): Promise<void> {
    let next = from;
    const work = async () => {
      for (let at = next++; at < to; at = next++) {
        for (let revision = 0; revision < revisions; revision += 1) {
          this.waits.push(await elapsedMs(() => this.deploy(`s-${at}`)));
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  /** Some deploys, one after the other: another revision of one of the first services. */
  async more(pid: number): Promise<More> {
    const each: number[] = [];
    const beforeMs = processorMs(pid);
    for (let round = 0; round < ROUNDS; round += 1) {
      each.push(await elapsedMs(() => this.deploy(`s-${round % FEW}`)));
    }
    const tookMs = each.toSorted((one, other) => one - other)[ROUNDS >> 1] ?? 0;
    return { tookMs, cpuMs: (processorMs(pid) - beforeMs) / ROUNDS };
  }

  /** Another revision, and the service when it is not there yet. Resolves when it is ready. */
  async deploy(name: string): Promise<void> {
    this.#count += 1;
    const draft = serviceOf(name, this.#count);
    const stored = this.#ready.last(name);
    const written =
      stored === undefined
        ? await this.#client.create<Service>(draft)
        : await this.#client.put<Service>({ ...stored, spec: draft.spec });
    await this.#ready.until(name, written.metadata.generation);
  }
}

interface Waiting {
  readonly generation: number;
  readonly resolve: () => void;
}

/** One watch over all services, and who waits for one of them. */
class Readiness implements AsyncDisposable {
  readonly #over = new AbortController();
  readonly #known = new Map<string, Service>();
  readonly #waiting = new Map<string, Waiting>();
  #watching: Promise<void> = Promise.resolve();

  static async of(client: KubernetesClient): Promise<Readiness> {
    const ready = new Readiness();
    const { resourceVersion } = await client.list(SERVICE);
    ready.#watching = ready.#watch(client, resourceVersion);
    return ready;
  }

  last(name: string): Service | undefined {
    return this.#known.get(name);
  }

  async until(name: string, generation: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const late = AbortSignal.timeout(WITHIN_MS);
    const isLate = new Promise<never>((_, reject) => {
      const said = () => JSON.stringify(this.#known.get(name)?.status);
      late.addEventListener("abort", () => reject(new Error(`${name} is not ready: ${said()}`)));
    });
    this.#waiting.set(name, { generation, resolve });
    this.#look(name);
    await Promise.race([promise, isLate]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#watching;
  }

  async #watch(client: KubernetesClient, resourceVersion: string): Promise<void> {
    const { signal } = this.#over;
    for await (const { object } of client.watch(SERVICE, { resourceVersion, signal })) {
      this.#known.set(object.metadata.name, object);
      this.#look(object.metadata.name);
    }
  }

  #look(name: string): void {
    const [service, waiting] = [this.#known.get(name), this.#waiting.get(name)];
    if (service === undefined || waiting === undefined || !isReady(service)) return;
    if (service.metadata.generation < waiting.generation) return;
    this.#waiting.delete(name);
    waiting.resolve();
  }
}

function serviceOf(name: string, version: number): Draft<Service> {
  const { apiVersion, kind } = SERVICE;
  const env = [{ name: "VERSION", value: String(version) }];
  const container = { image: `${registry.host}/app@${image.digest}`, env };
  const annotations = { "autoscaling.knative.dev/initial-scale": "0" };
  const template = { metadata: { annotations }, spec: { containers: [container] } };
  return { apiVersion, kind, metadata: { namespace: "default", name }, spec: { template } };
}

async function allowNoInitialScale(client: KubernetesClient): Promise<void> {
  const { apiVersion, kind } = CONFIG_MAP;
  const metadata = { namespace: "varve-system", name: "config-autoscaler" };
  const data = { "allow-zero-initial-scale": "true" };
  await client.create<ConfigMap>({ apiVersion, kind, metadata, data });
}

function memoryMb(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1]) / 1024;
}

/** Processor time of a process so far. */
function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  assert(Number.isFinite(user + system), "the kernel tells processor times");
  return ((user + system) * 1000) / TICKS_PER_SECOND;
}

try {
  await main();
  if (values.profile) reportProfile(profiles);
} finally {
  await registry[Symbol.asyncDispose]();
  rmSync(profiles, { recursive: true });
}
