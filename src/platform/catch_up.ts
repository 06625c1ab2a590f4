import type { ObjectKey } from "../api/meta.ts";
import { POD } from "../api/pod.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Cache } from "../client/client.ts";
import type { Manager } from "../control/manager.ts";
import type { Fleet } from "../gateway/fleet.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Part } from "./start_all.ts";

export interface CatchUpDeps {
  readonly manager: Manager;
  readonly gateway: Fleet;
  readonly runtime: Runtime;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly log: Log;
}

/** Even if some resource never comes to rest, what is left over is cleared away after this. */
const PATIENCE_MS = 30_000;

/**
 * After a start, once everything was looked at: lets the gateway forget what an earlier process
 * told it and nobody says any more, and ends instances that no Pod stands for.
 */
export class CatchUp implements Part {
  readonly #deps: CatchUpDeps;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;

  constructor(deps: CatchUpDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#running = this.#catchUp();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #catchUp(): Promise<void> {
    const { manager, gateway, clock, log } = this.#deps;
    const { signal } = this.#abort;
    try {
      await Promise.race([manager.caughtUp(), clock.sleep(PATIENCE_MS, { signal })]);
      if (signal.aborted) return;
      await gateway.settled();
      await this.#stopOrphans();
    } catch (thrown) {
      if (!signal.aborted) log.error({ err: thrown }, "could not clear away what was left over");
    } finally {
      this.#abort.abort();
    }
  }

  async #stopOrphans(): Promise<void> {
    const { runtime, cache, log } = this.#deps;
    const pods = cache.lister(POD);
    const orphans = runtime.list().filter(({ spec }) => pods.get(keyOf(spec.name)) === undefined);
    for (const { spec } of orphans) {
      log.warn({ instance: spec.name }, "ending an instance that no Pod stands for");
      await runtime.stop(spec.name);
    }
  }
}

function keyOf(path: string): ObjectKey {
  const [namespace, name = ""] = path.split("/");
  return { namespace, name };
}
