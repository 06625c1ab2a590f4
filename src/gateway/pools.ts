import { Agent } from "node:http";
import type { Endpoint } from "./backend.ts";
import { LIMITS } from "./limits.ts";

/** The connections to instances, kept open for the next request: one pool for each. */
export class Pools {
  readonly #agents = new Map<Endpoint, Agent>();

  agentOf(endpoint: Endpoint): Agent {
    const known = this.#agents.get(endpoint);
    if (known !== undefined) return known;
    const maxFreeSockets = LIMITS.poolMax;
    const agent = new Agent({ keepAlive: true, maxFreeSockets, timeout: LIMITS.poolIdleMs });
    this.#agents.set(endpoint, agent);
    return agent;
  }

  /**
   * Closes what is idle, and what is in use once it is done; whoever comes next gets a connection
   * of its own. For instances that were taken out, and when one idle connection was found dead:
   * the others are as old.
   */
  drop(endpoint: Endpoint): void {
    const agent = this.#agents.get(endpoint);
    if (agent === undefined) return;
    this.#agents.delete(endpoint);
    agent.maxFreeSockets = 0;
    for (const sockets of Object.values(agent.freeSockets)) {
      for (const socket of [...(sockets ?? [])]) socket.destroy();
    }
  }
}
