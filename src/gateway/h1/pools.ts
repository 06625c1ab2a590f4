import type { Clock } from "../../base/clock.ts";
import type { Endpoint } from "../backend.ts";
import type { Carrier, Carriers, Journey, Outgoing } from "../caller.ts";
import { LIMITS } from "../limits.ts";
import { Channel, type ChannelOptions, makeShared } from "./channel.ts";

/** How often connections are looked over for those that are idle for long. */
const SWEEP_MS = 500;

/** The connections to one instance. */
export interface Pool {
  /** The one that was used last is at the end, and is used next. */
  readonly idle: Channel[];
  readonly options: ChannelOptions;
  isDropped: boolean;
}

/** The connections to instances, kept open for the next request: one pool for each. */
export class Pools implements Carriers {
  readonly #clock: Clock;
  readonly #shared = makeShared();
  readonly #pools = new Set<Pool>();
  #sweep: Disposable | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  open(endpoint: Endpoint, outgoing: Outgoing, journey: Journey, isFresh: boolean): Carrier {
    const pool = endpoint.pool ?? this.#make(endpoint);
    const kept = isFresh ? undefined : pool.idle.pop();
    const channel = kept ?? new Channel(pool.options);
    channel.start(outgoing, journey);
    return channel;
  }

  /**
   * Closes what is idle, and what is in use once it is done; whoever comes next gets a connection
   * of its own. For instances that were taken out, and when one idle connection was found dead:
   * the others are as old.
   */
  drop(endpoint: Endpoint): void {
    const { pool } = endpoint;
    if (pool === undefined) return;
    endpoint.pool = undefined;
    this.#pools.delete(pool);
    pool.isDropped = true;
    for (const channel of pool.idle.splice(0)) channel.destroy();
  }

  #make(endpoint: Endpoint): Pool {
    const idle: Channel[] = [];
    const options: ChannelOptions = {
      endpoint,
      shared: this.#shared,
      idle: (channel) => this.#keep(pool, channel),
      dead: (channel) => {
        const at = idle.indexOf(channel);
        if (at >= 0) idle.splice(at, 1);
      },
    };
    const pool: Pool = { idle, options, isDropped: false };
    endpoint.pool = pool;
    this.#pools.add(pool);
    return pool;
  }

  #keep(pool: Pool, channel: Channel): void {
    if (pool.isDropped || pool.idle.length >= LIMITS.poolMax) {
      channel.destroy();
      return;
    }
    channel.idleSince = this.#clock.elapsed();
    pool.idle.push(channel);
    this.#sweep ??= this.#clock.after(SWEEP_MS, () => this.#closeOld());
  }

  #closeOld(): void {
    this.#sweep = undefined;
    const oldest = this.#clock.elapsed() - LIMITS.poolIdleMs;
    let isAny = false;
    for (const { idle } of this.#pools) {
      let old = 0;
      while (old < idle.length && (idle[old] as Channel).idleSince < oldest) old += 1;
      for (const channel of idle.splice(0, old)) channel.destroy();
      isAny ||= idle.length > 0;
    }
    if (isAny) this.#sweep = this.#clock.after(SWEEP_MS, () => this.#closeOld());
  }
}
