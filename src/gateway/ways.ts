import type { Endpoint } from "./backend.ts";
import type { Carrier, Carriers, Journey, Outgoing } from "./caller.ts";
import type { Pools } from "./h1/pools.ts";
import type { Sessions } from "./h2/sessions.ts";
import { StreamCarrier } from "./h2/stream_carrier.ts";

/** The ways to instances, by the protocol that each of them speaks. */
export class Ways implements Carriers {
  readonly #pools: Pools;
  readonly #sessions: Sessions;

  constructor(pools: Pools, sessions: Sessions) {
    this.#pools = pools;
    this.#sessions = sessions;
  }

  open(endpoint: Endpoint, outgoing: Outgoing, journey: Journey, isFresh: boolean): Carrier {
    if (endpoint.backend.protocol === "http1") {
      return this.#pools.open(endpoint, outgoing, journey, isFresh);
    }
    return new StreamCarrier({ endpoint, outgoing, journey, sessions: this.#sessions });
  }

  drop(endpoint: Endpoint): void {
    this.#pools.drop(endpoint);
    this.#sessions.drop(endpoint);
  }
}
