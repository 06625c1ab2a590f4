import type { Clock } from "../base/clock.ts";
import type { Endpoint } from "./backend.ts";
import { LIMITS } from "./limits.ts";

/** A request that has no end of its own. */
export interface Endlessly {
  readonly endpoint: Endpoint | undefined;
  /** Asks for an end, as soon as nothing is broken off by that. */
  retire(): void;
}

/** WebSockets and streams of events: they are asked to end where others are waited for. */
export class Endless {
  readonly #clock: Clock;
  readonly #open = new Set<Endlessly>();
  #isClosing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(one: Endlessly): void {
    this.#open.add(one);
    if (this.#isClosing) this.#clock.after(LIMITS.farewellMs, () => this.#end(one));
  }

  delete(one: Endlessly): void {
    this.#open.delete(one);
  }

  /** This instance was taken out: whoever is there comes again, and to another one. */
  leave(endpoint: Endpoint): void {
    this.#retire([...this.#open].filter((one) => one.endpoint === endpoint));
  }

  /** The worker ends. */
  close(): void {
    this.#isClosing = true;
    this.#retire([...this.#open]);
  }

  /** Not all at once, for all will come again. */
  #retire(some: readonly Endlessly[]): void {
    for (const [at, one] of some.entries()) {
      this.#clock.after((at / some.length) * LIMITS.tunnelDrainMs, () => this.#end(one));
    }
  }

  /** It may have ended by itself. */
  #end(one: Endlessly): void {
    if (this.#open.has(one)) one.retire();
  }
}
