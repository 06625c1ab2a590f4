import type { Backend } from "./backend.ts";
import type { FrontCounts } from "./front_counts.ts";
import { insideOf } from "./load.ts";

/** What one worker has to tell of itself: plain numbers, to be summed with those of the others. */
export interface Sighting {
  readonly backends: readonly BackendSighting[];
  readonly worker: Readonly<Record<string, number>>;
}

export interface BackendSighting {
  readonly id: string;
  readonly tally: readonly number[];
  readonly inFlight: number;
  readonly queued: number;
  readonly endpoints: number;
  readonly down: number;
}

/** Of revisions that nobody asks for there is nothing to tell. */
export function sightingOf(backends: Iterable<Backend>, counts: FrontCounts): Sighting {
  const told: BackendSighting[] = [];
  for (const backend of backends) {
    const { id, tally, queue, endpoints } = backend;
    if (tally.every((it) => it === 0)) continue;
    const down = endpoints.filter(({ trust }) => trust !== "good").length;
    const state = { queued: queue.length, endpoints: endpoints.length, down };
    told.push({ id, tally: [...tally], inFlight: insideOf(backend), ...state });
  }
  const { rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / 1e6;
  return { backends: told, worker: { ...counts, rss, cpuSeconds } };
}
