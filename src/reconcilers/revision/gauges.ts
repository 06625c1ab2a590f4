import type { Clock } from "../../base/clock.ts";
import type { Runtime, Usage } from "../../runtime/runtime.ts";
import type { ScalingSettings } from "../../scaling/settings.ts";

export interface GaugesOptions {
  readonly clock: Clock;
  readonly runtime: Runtime;
}

interface Gauged {
  readonly settings: ScalingSettings;
  readonly cpuMillis: number;
}

interface Reading {
  readonly atMs: number;
  readonly usages: ReadonlyMap<string, Usage>;
}

interface Gauge {
  askedMs: number;
  before: Reading | undefined;
  ratios: readonly number[];
}

/** As often as Kubernetes' own autoscaler looks. */
const EVERY_MS = 15_000;
const MEBIBYTE = 2 ** 20;

/** What instances use beside what they are meant to, read in the background now and then. */
export class Gauges {
  readonly #options: GaugesOptions;
  readonly #gauges = new Map<string, Gauge>();

  constructor(options: GaugesOptions) {
    this.#options = options;
  }

  /** The last that is known, of each instance that is ready: 1 is as much as wanted. */
  ratiosOf(revision: string, gauged: Gauged): readonly number[] {
    const now = this.#options.clock.elapsed();
    const gauge = this.#gauges.get(revision) ?? {
      askedMs: -Infinity,
      before: undefined,
      ratios: [],
    };
    this.#gauges.set(revision, gauge);
    if (now - gauge.askedMs >= EVERY_MS) {
      gauge.askedMs = now;
      void this.#read(revision, gauge, gauged);
    }
    return gauge.ratios;
  }

  async #read(revision: string, gauge: Gauge, gauged: Gauged): Promise<void> {
    const { runtime, clock } = this.#options;
    const ready = runtime
      .list()
      .filter(({ spec, phase }) => spec.revision === revision && phase === "ready");
    if (ready.length === 0) this.#gauges.delete(revision);
    const read = ready.map(
      async ({ spec: { name } }) => [name, await runtime.usage(name)] as const,
    );
    const all = await Promise.all(read);
    const known = all.flatMap(([name, usage]) =>
      usage === undefined ? [] : [[name, usage] as const],
    );
    const reading = { atMs: clock.elapsed(), usages: new Map(known) };
    gauge.ratios = ratiosFrom(reading, gauge.before, gauged);
    gauge.before = reading;
  }
}

function ratiosFrom(
  now: Reading,
  before: Reading | undefined,
  { settings, cpuMillis }: Gauged,
): readonly number[] {
  const { metric, resourceTarget } = settings;
  if (metric === "memory") {
    return [...now.usages.values()].map((it) => it.memoryBytes / MEBIBYTE / resourceTarget);
  }
  if (metric !== "cpu" || before === undefined) return [];
  const spanNs = (now.atMs - before.atMs) * 1e6;
  return [...now.usages].flatMap(([name, { cpuNs }]) => {
    const last = before.usages.get(name);
    // One that was started again counts from nothing.
    if (last === undefined || cpuNs < last.cpuNs) return [];
    const cores = (cpuNs - last.cpuNs) / spanNs;
    return [(cores * 1000 * 100) / cpuMillis / resourceTarget];
  });
}
