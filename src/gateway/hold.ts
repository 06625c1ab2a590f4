import type { Clock } from "../base/clock.ts";
import { thaw } from "../base/thawing.ts";
import { awaken, type Backend, type Endpoint, openMaxOf, type Waiter } from "./backend.ts";
import { knock } from "./knock.ts";
import { LIMITS } from "./limits.ts";
import { pickEndpoint } from "./pick.ts";
import { CELL, count } from "./tally.ts";
import type { Place as PlaceOf } from "./wait_list.ts";

export interface HoldOptions {
  readonly clock: Clock;
  /** One began to wait for this backend, or some are waiting still, a second later. */
  readonly waiting: (backend: string) => void;
  /** One has thawed what was frozen of this backend, which took so long. */
  readonly woke: (backend: string, ms: number) => void;
  /** The last request of one that was taken out is done. */
  readonly emptied: (endpoint: Endpoint) => void;
}

/** A new instance may serve 1, 2, 4 … at once, and from this on as many as any. */
const GROWN = 128;
const GROWTHS = Math.log2(GROWN);

/** Where one who asked stands in the queue, if it does. */
export type Place = PlaceOf<Waiter> | undefined;

/**
 * Gives each request an instance: at once when one has room, else in the order of asking. All
 * that counts open requests happens here.
 */
export class Hold {
  readonly #options: HoldOptions;
  readonly #told = new Map<Backend, Disposable>();

  constructor(options: HoldOptions) {
    this.#options = options;
  }

  /**
   * Has the waiter served or refused, now or later. `isBack` says that it was served in vain, so
   * it comes first. Answers with its place in the queue, if it is in there.
   */
  ask(backend: Backend, waiter: Waiter, isBack = false): Place {
    if (backend.isGone) {
      waiter.refuse("gone");
      return undefined;
    }
    const { queue } = backend;
    const endpoint = queue.length === 0 || isBack ? this.#pick(backend) : undefined;
    if (endpoint !== undefined) {
      endpoint.open += 1;
      waiter.serve(endpoint);
      return undefined;
    }
    if (queue.length >= LIMITS.queueMax) {
      waiter.refuse("full");
      return undefined;
    }
    if (!isBack) count(backend.tally, CELL.waited, 1);
    const place = isBack ? queue.unshift(waiter) : queue.push(waiter);
    if (!this.#told.has(backend)) this.#tell(backend);
    return place;
  }

  /** Takes a waiter out of the queue. Twice, or after it was served, does no harm. */
  leave(backend: Backend, place: Place): void {
    if (place !== undefined) backend.queue.remove(place);
  }

  /** One request there is done. */
  giveBack(endpoint: Endpoint): void {
    endpoint.open -= 1;
    if (!endpoint.isDraining) this.serveNext(endpoint.backend);
    else if (endpoint.open === 0) this.#options.emptied(endpoint);
  }

  /** Serves those who wait, as far as there is room: to be called when there may be more. */
  serveNext(backend: Backend): void {
    const { queue } = backend;
    while (queue.length > 0) {
      if (backend.isGone) {
        queue.shift()?.refuse("gone");
        continue;
      }
      const endpoint = this.#pick(backend);
      if (endpoint === undefined) return;
      endpoint.open += 1;
      queue.shift()?.serve(endpoint);
    }
  }

  /**
   * It refused connections, or broke them: leaves it alone for a while, knocks until it accepts a
   * connection, and then tries it with one request. Each pause is twice the one before.
   */
  distrust(endpoint: Endpoint): void {
    if (endpoint.isDraining || endpoint.trust === "down") return;
    // One that is tried in vain was left alone before.
    if (endpoint.trust === "good") count(endpoint.backend.tally, CELL.ejections, 1);
    endpoint.trust = "down";
    endpoint.openMax = 0;
    this.#knockLater(endpoint);
  }

  /** New ones beside others get their share step by step, for they may have to warm up. */
  warm(backend: Backend): void {
    const { slowStartMs } = LIMITS;
    const { endpoints } = backend;
    const hasOthers = endpoints.some(({ age }) => age !== "new");
    for (const endpoint of endpoints) {
      if (endpoint.age !== "new") continue;
      const isSlow = hasOthers && slowStartMs > 0 && endpoint.trust === "good";
      endpoint.age = isSlow ? "warming" : "grown";
      if (isSlow) this.#grow(endpoint, 1);
    }
  }

  /** One that has room; where there is none, what is frozen is thawed. */
  #pick(backend: Backend): Endpoint | undefined {
    const endpoint = pickEndpoint(backend);
    if (endpoint !== undefined || backend.frozen.length === 0) return endpoint;
    this.#rouse(backend);
    return pickEndpoint(backend);
  }

  /** Needs no control process, which hears of it. What we cannot thaw is for control to thaw. */
  #rouse(backend: Backend): void {
    const { clock, woke } = this.#options;
    const beganMs = clock.elapsed();
    const awake = backend.frozen.filter((spec) => thaw(spec.thaw));
    const ms = clock.elapsed() - beganMs;
    awaken(backend, awake, ms);
    backend.frozen = [];
    if (awake.length === 0) return;
    this.warm(backend);
    woke(backend.id, ms);
  }

  #grow(endpoint: Endpoint, openMax: number): void {
    const most = openMaxOf(endpoint.backend);
    const isGrown = openMax >= Math.min(most, GROWN);
    if (endpoint.isDraining || endpoint.age !== "warming") return;
    if (endpoint.trust === "good") endpoint.openMax = isGrown ? most : openMax;
    this.serveNext(endpoint.backend);
    if (isGrown) endpoint.age = "grown";
    else {
      const next = () => this.#grow(endpoint, openMax * 2);
      this.#options.clock.after(LIMITS.slowStartMs / GROWTHS, next);
    }
  }

  #knockLater(endpoint: Endpoint): void {
    const ms = Math.min(LIMITS.downMs * 2 ** endpoint.downs, LIMITS.downMsMax);
    endpoint.downs += 1;
    this.#options.clock.after(ms, () => {
      if (endpoint.isDraining || endpoint.trust !== "down") return;
      knock(endpoint, this.#options.clock, (isUp) => {
        if (endpoint.isDraining || endpoint.trust !== "down") return;
        if (isUp) this.#suspect(endpoint);
        else this.#knockLater(endpoint);
      });
    });
  }

  #suspect(endpoint: Endpoint): void {
    endpoint.trust = "suspect";
    endpoint.openMax = Math.min(endpoint.open + 1, openMaxOf(endpoint.backend));
    this.serveNext(endpoint.backend);
  }

  /** It accepted a connection, so it is up; one that broke them has to answer first. */
  trust(endpoint: Endpoint): void {
    if (endpoint.trust === "good" || endpoint.isDraining) return;
    if (endpoint.broken >= LIMITS.brokenMax) return;
    endpoint.trust = "good";
    endpoint.downs = 0;
    endpoint.openMax = openMaxOf(endpoint.backend);
    this.serveNext(endpoint.backend);
  }

  /** Says again who is waiting, to a control process that was not there. */
  tellAll(): void {
    for (const backend of this.#told.keys()) {
      if (backend.queue.length > 0) this.#options.waiting(backend.id);
    }
  }

  #tell(backend: Backend): void {
    this.#options.waiting(backend.id);
    const again = this.#options.clock.after(LIMITS.tellMs, () => {
      if (backend.queue.length > 0) this.#tell(backend);
      else this.#told.delete(backend);
    });
    this.#told.set(backend, again);
  }
}
