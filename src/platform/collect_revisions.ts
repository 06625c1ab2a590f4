import { CONFIG_MAP } from "../api/config_map.ts";
import { CONFIGURATION, type Configuration } from "../api/configuration.ts";
import { isGoing } from "../api/meta.ts";
import { REVISION } from "../api/revision.ts";
import { fatesOf, GC_CONFIG, type GcSettings, readGcSettings } from "../api/revision_gc.ts";
import { type Clock, every } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Cache, Client } from "../client/client.ts";
import type { Recorder } from "../control/recorder.ts";
import type { Part } from "./start_all.ts";

export interface CollectDeps {
  readonly client: Client;
  readonly cache: Cache;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly log: Log;
}

const EVERY_MS = 60_000;

/** Deletes Revisions that serve nobody and are past their time: `varve gc` tells which. */
export class CollectRevisions implements Part {
  readonly #deps: CollectDeps;
  #timer: Disposable | undefined;

  constructor(deps: CollectDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#timer = every(this.#deps.clock, EVERY_MS, () => this.collect());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.[Symbol.dispose]();
  }

  /** Looks once. What cannot be done now is tried the next time. */
  async collect(): Promise<void> {
    const { cache, log } = this.#deps;
    try {
      const settings = readGcSettings(cache.lister(CONFIG_MAP).get(GC_CONFIG)?.data);
      for (const configuration of cache.lister(CONFIGURATION).list()) {
        await this.#collectOf(configuration, settings);
      }
    } catch (thrown) {
      log.warn({ err: thrown }, "could not collect old revisions: will try again");
    }
  }

  async #collectOf(configuration: Configuration, settings: GcSettings): Promise<void> {
    const { client, cache, recorder, clock } = this.#deps;
    const revisions = cache.lister(REVISION).controlledBy(configuration);
    const there = revisions.filter((it) => !isGoing(it));
    const fates = fatesOf(configuration, there, { settings, nowMs: clock.now() });
    for (const { revision, isCollected, why } of fates) {
      if (!isCollected) continue;
      const message = `Deleted Revision "${revision.metadata.name}": ${why}`;
      recorder.record(configuration, { type: "Normal", reason: "Collected", message });
      await client.delete(revision);
    }
  }
}
