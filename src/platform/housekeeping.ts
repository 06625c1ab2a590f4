import { EVENT, type Event } from "../api/event.ts";
import { type Clock, every } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Cache, Client } from "../client/client.ts";
import type { Store } from "../store/store.ts";
import type { Part } from "./start_all.ts";

export interface HousekeepingDeps {
  readonly store: Store;
  readonly client: Client;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly log: Log;
}

const EVERY_MS = 60_000;
/** As long as Kubernetes keeps Events. */
const EVENTS_MS = 3_600_000;
/** So many are kept at most, the newest; who makes more has long read the oldest. */
const EVENTS_MAX = 10_000;
/** Watches can go back so many changes; those who were away for longer list anew. */
const CHANGES_KEPT = 20_000;

/** Throws away what is too old to be asked for: Events, and changes of the store. */
export class Housekeeping implements Part {
  readonly #deps: HousekeepingDeps;
  #timer: Disposable | undefined;

  constructor(deps: HousekeepingDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#timer = every(this.#deps.clock, EVERY_MS, () => this.#clean());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.[Symbol.dispose]();
  }

  async #clean(): Promise<void> {
    const { store, client, cache, clock, log } = this.#deps;
    try {
      const old = staleEvents(cache.lister(EVENT).list(), clock.now());
      await Promise.all(old.map((event) => client.delete(event)));
      await store.compact(store.revision - CHANGES_KEPT);
    } catch (thrown) {
      log.warn({ err: thrown }, "could not clean up: will try again");
    }
  }
}

/** Those that nobody keeps any longer: by their age, and of the others the oldest of too many. */
export function staleEvents(events: readonly Event[], nowMs: number): readonly Event[] {
  const byAge = events.map((event) => ({ event, atMs: lastMs(event) }));
  byAge.sort((one, other) => other.atMs - one.atMs);
  const isStale = (atMs: number, rank: number) => atMs < nowMs - EVENTS_MS || rank >= EVENTS_MAX;
  return byAge.filter(({ atMs }, rank) => isStale(atMs, rank)).map(({ event }) => event);
}

function lastMs({ lastTimestamp, series, eventTime, metadata }: Event): number {
  const at = series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp;
  return Date.parse(at);
}
