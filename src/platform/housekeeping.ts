import { EVENT, type Event } from "../api/event.ts";
import { REVISION } from "../api/revision.ts";
import { type Clock, every } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { DiskBuilder } from "../build/disk_builder.ts";
import type { Cache, Client } from "../client/client.ts";
import type { ImageStore } from "../oci/oci.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Store } from "../store/store.ts";
import { imagesOf, uploadsOf } from "./kept_images.ts";
import type { Part } from "./start_all.ts";

export interface HousekeepingDeps {
  readonly store: Store;
  readonly runtime: Pick<Runtime, "collect" | "list">;
  readonly images: Pick<ImageStore, "collect">;
  readonly builder: Pick<DiskBuilder, "collectCaches">;
  readonly client: Client;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly log: Log;
}

const EVERY_MS = 60_000;
/** Who has deleted a Revision may want it back; and its image is slow to come. */
const IMAGES_EVERY_MS = 10 * 60_000;
/** What was stored or asked for within this stays: somebody may be at work with it. */
const IMAGES_IDLE_MS = 3_600_000;
/** What builds have fetched can be fetched again, so a month's use is worth more than the room. */
const CACHES = { idleMs: 30 * 24 * 3_600_000, bytesMax: 5 * 1024 ** 3 };
/** As long as Kubernetes keeps Events. */
const EVENTS_MS = 3_600_000;
/** So many are kept at most, the newest; who makes more has long read the oldest. */
const EVENTS_MAX = 10_000;
/** Watches can go back so many changes; those who were away for longer list anew. */
const CHANGES_KEPT = 20_000;

/**
 * Throws away what is too old to be asked for: Events, changes of the store, images and sources
 * that nothing has any more, what runtimes have made ready of such images, and what builds fetched.
 */
export class Housekeeping implements Part {
  readonly #deps: HousekeepingDeps;
  readonly #timers = new DisposableStack();
  #collecting: Promise<void> = Promise.resolve();
  #freedBytes = 0;
  #freedCacheBytes = 0;

  constructor(deps: HousekeepingDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { clock } = this.#deps;
    this.#timers.use(every(clock, EVERY_MS, () => this.#clean()));
    this.#timers.use(every(clock, IMAGES_EVERY_MS, () => this.#collect()));
  }

  /** How much of images and sources was thrown away in this life. */
  get freedBytes(): number {
    return this.#freedBytes;
  }

  /** How much of what builds have fetched was. */
  get freedCacheBytes(): number {
    return this.#freedCacheBytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timers.dispose();
    await this.#collecting;
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

  async #collect(): Promise<void> {
    this.#collecting = this.#removeImages().then(() => this.#removeCaches());
    await this.#collecting;
  }

  async #removeImages(): Promise<void> {
    const { runtime, images, cache, log } = this.#deps;
    try {
      const kept = imagesOf(cache.lister(REVISION).list());
      await runtime.collect(kept);
      const running = runtime.list().map(({ spec }) => spec.image);
      const all = new Set([...kept, ...running, ...uploadsOf(cache)]);
      const bytes = await images.collect(all, IMAGES_IDLE_MS);
      this.#freedBytes += bytes;
      if (bytes > 0) log.info({ bytes }, "removed images and sources that nothing has any more");
    } catch (thrown) {
      log.warn({ err: thrown }, "could not remove images: will try again");
    }
  }

  async #removeCaches(): Promise<void> {
    const { builder, log } = this.#deps;
    try {
      const bytes = await builder.collectCaches(CACHES);
      this.#freedCacheBytes += bytes;
      if (bytes > 0) log.info({ bytes }, "removed what builds had fetched, and need no longer");
    } catch (thrown) {
      log.warn({ err: thrown }, "could not remove caches of builds: will try again");
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
