import type { Clock } from "../../base/clock.ts";
import type { Endpoint } from "../backend.ts";
import type { Carrier, Carriers, Journey, Outgoing } from "../caller.ts";
import { LIMITS } from "../limits.ts";
import { Channel, type Keeper, makeShared } from "./channel.ts";

/** How often idle connections are looked over. Each look costs as much as there are instances. */
const SWEEP_MS = 500;
/** Less often where they may be idle for longer: so many times while one grows too old. */
const SWEEPS = 8;

/**
 * The connections to instances, kept open for the next request: one pool for each, in which the
 * one that was used last is at the end, and is used next.
 */
export class Pools implements Carriers, Keeper {
  readonly #clock: Clock;
  readonly shared = makeShared();
  readonly #pools = new Set<Channel[]>();
  #sweep: Disposable | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  open(endpoint: Endpoint, outgoing: Outgoing, journey: Journey, isFresh: boolean): Carrier {
    const pool = endpoint.pool ?? this.#make(endpoint);
    const kept = isFresh ? undefined : pool.pop();
    const channel = kept ?? new Channel(endpoint, pool, this);
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
    for (const channel of pool.splice(0)) channel.destroy();
  }

  keep(channel: Channel): void {
    const { pool, endpoint } = channel;
    const isDropped = endpoint.pool !== pool;
    if (isDropped || pool.length >= LIMITS.poolMax) {
      channel.destroy();
      return;
    }
    channel.idleSinceMs = Math.floor(this.#clock.elapsed());
    pool.push(channel);
    if (this.#sweep === undefined) this.#sweepLater();
  }

  forget(channel: Channel): void {
    const at = channel.pool.indexOf(channel);
    if (at >= 0) channel.pool.splice(at, 1);
  }

  #make(endpoint: Endpoint): Channel[] {
    const pool: Channel[] = [];
    endpoint.pool = pool;
    this.#pools.add(pool);
    return pool;
  }

  #sweepLater(): void {
    const ms = Math.max(SWEEP_MS, LIMITS.poolIdleMs / SWEEPS);
    this.#sweep = this.#clock.after(ms, () => this.#closeOld());
  }

  #closeOld(): void {
    this.#sweep = undefined;
    const oldestMs = this.#clock.elapsed() - LIMITS.poolIdleMs;
    let isAny = false;
    for (const pool of this.#pools) {
      let old = 0;
      while (old < pool.length && (pool[old] as Channel).idleSinceMs < oldestMs) old += 1;
      for (const channel of pool.splice(0, old)) channel.destroy();
      isAny ||= pool.length > 0;
    }
    if (isAny) this.#sweepLater();
  }
}
