import { performance } from "node:perf_hooks";
import type { Family } from "../base/metrics.ts";
import type { Fleet } from "../gateway/fleet.ts";
import type { Autoscaler } from "../reconcilers/revision/autoscaler.ts";
import type { ServerContext } from "../server/context.ts";
import type { Sight } from "../server/sight_routes.ts";
import type { Housekeeping } from "./housekeeping.ts";
import { scalingFamilies } from "./scaling_families.ts";
import { VERSION } from "./version.ts";

export interface SightDeps {
  readonly gateway: Fleet;
  readonly autoscaler: Autoscaler;
  readonly housekeeping: Pick<Housekeeping, "freedBytes" | "freedCacheBytes">;
  readonly context: Pick<ServerContext, "kinds" | "store">;
}

/** What the platform tells of itself: the gateway's counts, and those of this process. */
export function sightOf(deps: SightDeps): Sight {
  const { gateway, autoscaler, context, housekeeping } = deps;
  let before = performance.eventLoopUtilization();
  return {
    async metrics() {
      const { utilization } = performance.eventLoopUtilization(before);
      before = performance.eventLoopUtilization();
      const own = [
        ...processFamilies(utilization),
        ...storeFamilies(context),
        ...scalingFamilies(autoscaler),
        ...freedFamilies(housekeeping),
      ];
      return [...(await gateway.metrics()), ...own];
    },
    explain: (request) => gateway.explain(request),
  };
}

function processFamilies(utilization: number): readonly Family[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const gauge = (name: string, help: string, value: number): Family => {
    return { name, help, type: "gauge", samples: [{ value }] };
  };
  return [
    {
      name: "varve_build_info",
      help: "Which Varve this is.",
      type: "gauge",
      samples: [{ labels: { version: VERSION, node: process.version }, value: 1 }],
    },
    {
      name: "process_cpu_seconds_total",
      help: "CPU time of the control process.",
      type: "counter",
      samples: [{ value: (user + system) / 1e6 }],
    },
    gauge("process_resident_memory_bytes", "Memory of the control process.", rss),
    gauge("varve_control_heap_used_bytes", "Of that, live and dead objects.", heapUsed),
    gauge(
      "varve_control_event_loop_busy_ratio",
      "How much of the time since the last scrape the event loop was at work, from 0 to 1.",
      utilization,
    ),
  ];
}

function storeFamilies({ kinds, store }: SightDeps["context"]): readonly Family[] {
  const samples = kinds.map((kind) => {
    const labels = { kind: kind.kind, api_version: kind.apiVersion };
    return { labels, value: store.list(kind).length };
  });
  const help = "Objects that are stored, by their kind.";
  return [{ name: "varve_objects", help, type: "gauge", samples }];
}

function freedFamilies(freed: SightDeps["housekeeping"]): readonly Family[] {
  const counter = (name: string, help: string, value: number): Family => {
    return { name, help, type: "counter", samples: [{ value }] };
  };
  return [
    counter(
      "varve_images_freed_bytes_total",
      "Bytes of images and sources that were removed, as nothing had them any more.",
      freed.freedBytes,
    ),
    counter(
      "varve_build_caches_freed_bytes_total",
      "Bytes that builds had fetched and that were removed, as too old or too much.",
      freed.freedCacheBytes,
    ),
  ];
}
