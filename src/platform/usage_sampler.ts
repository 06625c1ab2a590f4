import type { ObjectMeta } from "../api/meta.ts";
import { NODE_METRICS, type NodeMetrics, POD_METRICS, type PodMetrics } from "../api/metrics.ts";
import { NODE, type Node, THIS_NODE } from "../api/node.ts";
import { POD, type Pod } from "../api/pod.ts";
import { type Clock, every } from "../base/clock.ts";
import { busyNs, loadOf, thisMachine } from "../base/machine.ts";
import type { Cache } from "../client/client.ts";
import type { Instance, Runtime } from "../runtime/runtime.ts";
import type { Part } from "./start_all.ts";

export interface UsageSamplerDeps {
  readonly runtime: Runtime;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly home: string;
}

/** How much processor time was used up to a moment. */
interface Sample {
  readonly atMs: number;
  readonly cpuNs: number;
  /** Tells the runs of an instance apart, as each begins to count anew. */
  readonly run: string;
}

const SAMPLE_MS = 15_000;
/** A rate over less than this says little. */
const WINDOW_MS_MIN = 5000;
const MACHINE = "";

/**
 * What instances and this machine use now. Processor time is an average over the time since a look
 * before, which is 5 to 30 seconds back, or since the instance was started.
 */
export class UsageSampler implements Part {
  readonly #deps: UsageSamplerDeps;
  /** The last two looks, newest first, by name of the instance. */
  readonly #samples = new Map<string, readonly Sample[]>();
  #timer: Disposable | undefined;

  constructor(deps: UsageSamplerDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#keep(MACHINE, this.#machine());
    this.#timer = every(this.#deps.clock, SAMPLE_MS, () => this.#sample());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.[Symbol.dispose]();
  }

  /** All that can be measured now. */
  async measure(): Promise<readonly (PodMetrics | NodeMetrics)[]> {
    const { runtime, cache } = this.#deps;
    const pods = cache.lister(POD);
    const measured = runtime.list().map(async (instance) => {
      const [namespace, name = ""] = instance.spec.name.split("/");
      const pod = pods.get({ namespace, name });
      return pod === undefined ? undefined : await this.#podMetrics(pod, instance);
    });
    const own = cache.lister(NODE).get({ name: THIS_NODE });
    const found = (await Promise.all(measured)).filter((it) => it !== undefined);
    return [...found, ...(own === undefined ? [] : [this.#nodeMetrics(own)])];
  }

  async #podMetrics(pod: Pod, instance: Instance): Promise<PodMetrics | undefined> {
    const usage = await this.#deps.runtime.usage(instance.spec.name);
    if (usage === undefined) return undefined;
    const now = this.#sampleOf(instance, usage.cpuNs);
    const before = this.#before(instance.spec.name, now) ?? this.#beginning(instance, now);
    const { apiVersion, kind } = POD_METRICS;
    const name = pod.spec.containers[0]?.name ?? "user-container";
    const used = { cpu: rateOf(before, now), memory: memory(usage.memoryBytes) };
    const metadata = this.#metaOf(pod.metadata);
    return {
      apiVersion,
      kind,
      metadata,
      ...this.#over(before, now),
      containers: [{ name, usage: used }],
    };
  }

  #nodeMetrics({ metadata }: Node): NodeMetrics {
    const now = this.#machine();
    const before = this.#before(MACHINE, now) ?? this.#samples.get(MACHINE)?.at(-1) ?? now;
    const { memoryBytes } = thisMachine();
    const used = memoryBytes - loadOf(this.#deps.home).memoryAvailableBytes;
    const { apiVersion, kind } = NODE_METRICS;
    const usage = { cpu: rateOf(before, now), memory: memory(Math.max(0, used)) };
    return {
      apiVersion,
      kind,
      metadata: this.#metaOf(metadata),
      ...this.#over(before, now),
      usage,
    };
  }

  async #sample(): Promise<void> {
    const { runtime } = this.#deps;
    const instances = runtime.list();
    const names = new Set([MACHINE, ...instances.map(({ spec }) => spec.name)]);
    for (const name of this.#samples.keys()) if (!names.has(name)) this.#samples.delete(name);
    this.#keep(MACHINE, this.#machine());
    for (const instance of instances) {
      const usage = await runtime.usage(instance.spec.name);
      if (usage === undefined) continue;
      this.#keep(instance.spec.name, this.#sampleOf(instance, usage.cpuNs));
    }
  }

  #keep(name: string, sample: Sample): void {
    this.#samples.set(name, [sample, ...(this.#samples.get(name) ?? [])].slice(0, 2));
  }

  /** The newest look that is long enough ago, and of the same run. */
  #before(name: string, { atMs, run }: Sample): Sample | undefined {
    return this.#samples.get(name)?.find((it) => it.run === run && atMs - it.atMs >= WINDOW_MS_MIN);
  }

  #sampleOf({ startedAt = "" }: Instance, cpuNs: number): Sample {
    return { atMs: this.#deps.clock.now(), cpuNs, run: startedAt };
  }

  #machine(): Sample {
    return { atMs: this.#deps.clock.now(), cpuNs: busyNs(), run: MACHINE };
  }

  /** When its run began, it had used nothing. */
  #beginning({ startedAt, createdAt }: Instance, { run }: Sample): Sample {
    return { atMs: Date.parse(startedAt ?? createdAt), cpuNs: 0, run };
  }

  #over(before: Sample, now: Sample) {
    const seconds = Math.max(0, now.atMs - before.atMs) / 1000;
    return { timestamp: this.#deps.clock.timestamp(), window: `${seconds}s` };
  }

  /** A name for what is measured, and as old as the measuring. */
  #metaOf({ name, namespace, labels, uid }: ObjectMeta): ObjectMeta {
    const creationTimestamp = this.#deps.clock.timestamp();
    return {
      ...{ name, uid, resourceVersion: "", generation: 1, creationTimestamp },
      ...(labels !== undefined && { labels }),
      ...(namespace !== undefined && { namespace }),
    };
  }
}

/** Cores, in billionths: nanoseconds of work by second. */
function rateOf(before: Sample, now: Sample): string {
  const seconds = (now.atMs - before.atMs) / 1000;
  if (seconds <= 0) return "0";
  return `${Math.max(0, Math.round((now.cpuNs - before.cpuNs) / seconds))}n`;
}

function memory(bytes: number): string {
  return `${Math.floor(bytes / 1024)}Ki`;
}
