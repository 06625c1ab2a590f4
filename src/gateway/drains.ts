import type { Endpoint } from "./backend.ts";

/** Knows which instances that were taken out still have requests, and tells when none has. */
export class Drains {
  readonly #draining = new Map<string, Set<Endpoint>>();
  readonly #asked = new Map<string, (() => void)[]>();

  begin(endpoint: Endpoint): void {
    if (endpoint.open === 0) return;
    const { name } = endpoint;
    const same = this.#draining.get(name) ?? new Set();
    this.#draining.set(name, same.add(endpoint));
  }

  /** To be told when nothing is open any more at one that was taken out. */
  end(endpoint: Endpoint): void {
    const { name } = endpoint;
    const same = this.#draining.get(name);
    if (same === undefined || !same.delete(endpoint) || same.size > 0) return;
    this.#draining.delete(name);
    const asked = this.#asked.get(name) ?? [];
    this.#asked.delete(name);
    for (const tell of asked) tell();
  }

  /** Calls at once when nothing is open at what was taken out under this name, or else later. */
  whenEmpty(name: string, tell: () => void): void {
    if (!this.#draining.has(name)) {
      tell();
      return;
    }
    this.#asked.set(name, [...(this.#asked.get(name) ?? []), tell]);
  }
}
