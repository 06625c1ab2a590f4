import { type DeadlineQueue, type Due, NOWHERE } from "./deadline_queue.ts";

/**
 * What may come to an end by time. Of the request: all of it, the connecting, the first byte, a
 * silence. Of the client: its next head, the next piece of its body, its taking of the answer.
 */
export type Limit = "whole" | "connect" | "start" | "idle" | "head" | "body" | "write";

const PLACES: readonly Limit[] = ["whole", "connect", "start", "idle", "head", "body", "write"];
const PLACE_OF = Object.fromEntries(PLACES.map((limit, at) => [limit, at])) as Record<
  Limit,
  number
>;

/** Who is told when its time is over. */
export interface Limited {
  expire(limit: Limit): void;
}

/**
 * The limits of one request or one connection, on one place in the queue. Moving a limit away, as
 * every byte does with `idle`, leaves the queue alone: when it is due too early it waits for the
 * rest.
 */
export class Deadlines implements Due {
  queuePlace = NOWHERE;
  readonly #queue: DeadlineQueue;
  readonly #limited: Limited;
  readonly #at: number[] = [Infinity, Infinity, Infinity, Infinity, Infinity, Infinity, Infinity];
  #isOver = false;

  constructor(queue: DeadlineQueue, limited: Limited) {
    this.#queue = queue;
    this.#limited = limited;
  }

  /** Counts from now. Setting it again counts anew. */
  set(limit: Limit, ms: number): void {
    if (this.#isOver) return;
    const at = this.#queue.now() + ms;
    this.#at[PLACE_OF[limit]] = at;
    if (at < this.#queue.timeOf(this)) this.#queue.put(this, at);
  }

  /** One that is set ends so much later. */
  prolong(limit: Limit, ms: number): void {
    this.#at[PLACE_OF[limit]] = (this.#at[PLACE_OF[limit]] as number) + ms;
  }

  clear(limit: Limit): void {
    this.#at[PLACE_OF[limit]] = Infinity;
  }

  isSet(limit: Limit): boolean {
    return this.#at[PLACE_OF[limit]] !== Infinity;
  }

  /** Of the request; those of the client stay. */
  clearRequest(): void {
    for (let place = 0; place < 4; place += 1) this.#at[place] = Infinity;
  }

  /** Nothing is due any more, whatever is set. */
  end(): void {
    this.#isOver = true;
    this.#at.fill(Infinity);
    this.#queue.remove(this);
  }

  due(now: number): void {
    for (const [place, at] of this.#at.entries()) {
      if (at > now) continue;
      this.#at[place] = Infinity;
      this.#limited.expire(PLACES[place] as Limit);
    }
    const next = Math.min(...this.#at);
    if (next < this.#queue.timeOf(this)) this.#queue.put(this, next);
  }
}
