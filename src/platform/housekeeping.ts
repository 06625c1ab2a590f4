import { EVENT } from "../api/event.ts";
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
      const before = clock.now() - EVENTS_MS;
      const old = cache
        .lister(EVENT)
        .list()
        .filter((event) => {
          return Date.parse(event.lastTimestamp ?? event.metadata.creationTimestamp) < before;
        });
      await Promise.all(old.map((event) => client.delete(event)));
      await store.compact(store.revision - CHANGES_KEPT);
    } catch (thrown) {
      log.warn({ err: thrown }, "could not clean up: will try again");
    }
  }
}
