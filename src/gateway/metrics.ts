import { type Family, histogramOf, type Labels, type Sample } from "../base/metrics.ts";
import type { Past } from "./count_files.ts";
import type { BackendSighting, Sighting } from "./sight.ts";
import { BOUNDS_MS, CELL } from "./tally.ts";

/** Revisions that have series of their own; the others together are one, by the name below. */
const REVISIONS_MAX = 1000;
const OTHERS = "_others/_others";

const CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx", "broken"];
const BUCKETS = BOUNDS_MS.length + 1;
const PREFIX = "varve_gateway_";

/** Sums what the workers told; what those told that are gone is part of every sum from then on. */
export class Sightings {
  readonly #last = new Map<string, Sighting>();
  readonly #gone = new Map<string, number[]>();
  readonly #goneWorker = new Map<string, number>();
  readonly #own = new Set<string>();
  readonly #ownMax: number;
  /** What those have counted together that had no series of their own then: it never falls. */
  #others: readonly number[] | undefined;
  /** What each of them had counted when it was last part of that. */
  readonly #inOthers = new Map<string, readonly number[]>();
  #hasBegun = false;

  constructor(ownMax = REVISIONS_MAX) {
    this.#ownMax = ownMax;
  }

  /** Those that have told something, and were not gone then. */
  get workers(): readonly string[] {
    return [...this.#last.keys()];
  }

  set(worker: string, sighting: Sighting): void {
    this.#last.set(worker, sighting);
  }

  /** A counter that fell when a worker ends would look like a restart of all. */
  retire(worker: string): void {
    const last = this.#last.get(worker);
    if (last === undefined) return;
    this.#last.delete(worker);
    this.add(last);
  }

  /** Of workers that are gone. */
  add({ backends, worker }: Past): void {
    for (const { id, tally } of backends) this.#gone.set(id, added(this.#gone.get(id), tally));
    for (const [name, value] of Object.entries(worker)) {
      if (name !== "rss") this.#goneWorker.set(name, (this.#goneWorker.get(name) ?? 0) + value);
    }
  }

  /** All that are gone, to be added again by the next control process. */
  get past(): Past {
    const backends = [...this.#gone].map(([id, tally]) => ({ id, tally }));
    return { backends, worker: Object.fromEntries(this.#goneWorker) };
  }

  /** `isKnown` says whether a revision is still there: the others are forgotten. */
  forget(isKnown: (backend: string) => boolean): void {
    for (const ids of [this.#gone, this.#own, this.#inOthers]) {
      for (const id of ids.keys()) if (!isKnown(id)) ids.delete(id);
    }
  }

  get families(): readonly Family[] {
    return [...backendFamilies(this.#series()), ...this.#workerFamilies()];
  }

  /**
   * One for each revision that has its own, and one for the others: of these it sums what they
   * count from look to look, so it keeps the part of who is deleted, or has its own by now.
   */
  #series(): readonly BackendSighting[] {
    const own: BackendSighting[] = [];
    let rest: BackendSighting = { id: OTHERS, tally: [], ...IDLE };
    for (const one of this.#sums().values()) {
      const { id } = one;
      const tally = since(this.#inOthers.get(id), one.tally);
      if (this.#isOwn(id)) own.push({ ...one, tally });
      else {
        rest = summed(rest, { ...one, id: OTHERS, tally: [] });
        this.#inOthers.set(id, one.tally);
        // What workers had counted before us others may have told: it would look like requests.
        this.#others = added(this.#others, this.#hasBegun ? tally : tally.map(() => 0));
      }
    }
    this.#hasBegun ||= own.length > 0;
    return this.#others === undefined ? own : [...own, { ...rest, tally: this.#others }];
  }

  #sums(): ReadonlyMap<string, BackendSighting> {
    const sums = new Map<string, BackendSighting>();
    const add = (one: BackendSighting) => sums.set(one.id, summed(sums.get(one.id), one));
    for (const { backends } of this.#last.values()) for (const one of backends) add(one);
    for (const [id, tally] of this.#gone) add({ id, tally, ...IDLE });
    return sums;
  }

  /** Whoever has series keeps them, in whichever order workers tell. */
  #isOwn(id: string): boolean {
    if (this.#own.size < this.#ownMax) this.#own.add(id);
    return this.#own.has(id);
  }

  #workerFamilies(): readonly Family[] {
    const workers = [...this.#last.values()].map(({ worker }) => worker);
    const all = (name: string) =>
      workers.reduce((sum, it) => sum + (it[name] ?? 0), this.#goneWorker.get(name) ?? 0);
    const counter = (name: string, key: string, help: string): Family => {
      return { name: PREFIX + name, help, type: "counter", samples: [{ value: all(key) }] };
    };
    const rss = [...this.#last].map(([worker, sighting]): Sample => {
      return { labels: { worker }, value: sighting.worker["rss"] ?? 0 };
    });
    return [
      counter("unknown_host_requests_total", "unknownHosts", "Requests to hosts that nobody has."),
      counter("bad_requests_total", "badRequests", "Requests that could not be understood."),
      counter("policy_answers_total", "policyAnswers", "Requests that a policy answered itself."),
      counter("access_log_dropped_total", "logDropped", "Lines the access log had no room for."),
      counter("spans_sent_total", "spansSent", "Spans that were sent to the collector."),
      counter("spans_dropped_total", "spansDropped", "Spans that could not be sent."),
      counter("h2_reset_floods_total", "h2Resets", "Connections closed for streams taken back."),
      counter("h2_ping_floods_total", "h2Pings", "Connections closed for PINGs."),
      counter("h2_settings_floods_total", "h2Settings", "Connections closed for SETTINGS."),
      counter("h2_frame_floods_total", "h2Frames", "Connections closed for frames without end."),
      counter("worker_cpu_seconds_total", "cpuSeconds", "CPU time of the workers."),
      {
        name: `${PREFIX}worker_resident_memory_bytes`,
        help: "Memory of each worker.",
        type: "gauge",
        samples: rss,
      },
      {
        name: `${PREFIX}workers`,
        help: "Workers that answered.",
        type: "gauge",
        samples: [{ value: workers.length }],
      },
    ];
  }
}

const IDLE = { inFlight: 0, queued: 0, endpoints: 0, down: 0 };

/** What has come since. Who has less than before was made anew. */
function since(before: readonly number[] = [], now: readonly number[]): readonly number[] {
  return now.map((value, at) => (value < (before[at] ?? 0) ? value : value - (before[at] ?? 0)));
}

function added(before: readonly number[] = [], more: readonly number[]): number[] {
  return more.map((value, at) => value + (before[at] ?? 0));
}

function summed(before: BackendSighting | undefined, more: BackendSighting): BackendSighting {
  if (before === undefined) return more;
  return {
    id: more.id,
    tally: added(before.tally, more.tally),
    inFlight: before.inFlight + more.inFlight,
    queued: before.queued + more.queued,
    // All workers see the same instances.
    endpoints: Math.max(before.endpoints, more.endpoints),
    down: Math.max(before.down, more.down),
  };
}

function backendFamilies(backends: readonly BackendSighting[]): readonly Family[] {
  const each = (samplesOf: (one: BackendSighting, labels: Labels) => readonly Sample[]) =>
    backends.flatMap((one) => samplesOf(one, labelsOf(one.id)));
  const counter = (name: string, cell: number, help: string): Family => ({
    name: PREFIX + name,
    help,
    type: "counter",
    samples: each(({ tally }, labels) => [{ labels, value: tally[cell] ?? 0 }]),
  });
  const gauge = (
    name: string,
    key: "inFlight" | "queued" | "endpoints" | "down",
    help: string,
  ) => ({
    ...{ name: PREFIX + name, help, type: "gauge" as const },
    samples: each((one, labels) => [{ labels, value: one[key] }]),
  });
  const histogram = (name: string, at: number, sum: number, help: string): Family => ({
    name: PREFIX + name,
    help,
    type: "histogram",
    samples: each(({ tally }, labels) =>
      histogramOf(labels, {
        bounds: BOUNDS_MS.map((ms) => ms / 1000),
        counts: tally.slice(at, at + BUCKETS),
        sum: (tally[sum] ?? 0) / 1000,
      }),
    ),
  });
  return [
    {
      name: `${PREFIX}requests_total`,
      help: "Requests that are over, by the class of their answer.",
      type: "counter",
      samples: each(({ tally }, labels) =>
        CLASSES.map((code, at) => ({
          labels: { ...labels, code },
          value: tally[CELL.classes + at] ?? 0,
        })),
      ),
    },
    histogram(
      ...(["request_duration_seconds", CELL.durations, CELL.durationMs] as const),
      "From the head of a request to the end of its answer.",
    ),
    histogram(
      ...(["cold_start_seconds", CELL.colds, CELL.coldMs] as const),
      "How long requests waited for the first instance.",
    ),
    gauge(
      "requests_in_flight",
      "inFlight",
      "Requests, and copies of others, that wait or are served.",
    ),
    gauge("requests_queued", "queued", "Of these, requests and copies that wait for an instance."),
    gauge("instances", "endpoints", "Instances that requests may go to."),
    gauge("instances_down", "down", "Of these, instances that do not answer."),
    counter("request_bytes_total", CELL.bytesIn, "Bytes of bodies that clients sent."),
    counter("response_bytes_total", CELL.bytesOut, "Bytes of bodies that instances sent."),
    counter("retries_total", CELL.retries, "Requests that were sent again."),
    counter(
      "ejections_total",
      CELL.ejections,
      "Instances left alone for a while, as they refused or broke connections.",
    ),
    counter(
      "requests_waited_total",
      CELL.waited,
      "Requests and copies that found no instance free.",
    ),
    counter("mirrored_total", CELL.mirrored, "Copies of requests that were sent here."),
    counter("mirrors_dropped_total", CELL.mirrorsDropped, "Copies that were not sent."),
  ];
}

function labelsOf(id: string): Labels {
  const slash = id.indexOf("/");
  return { namespace: id.slice(0, slash), revision: id.slice(slash + 1) };
}
