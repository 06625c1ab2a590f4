/**
 * Values by host: exact names, and wildcards such as "*.example.com", which stand for any name
 * that ends in what is behind the star. An exact name comes first, then the longest wildcard.
 */
export class HostMap<V> {
  readonly #exact = new Map<string, V>();
  /** By what is behind the star: ".example.com". */
  readonly #wild = new Map<string, V>();

  /** HOT: one look-up where there are no wildcards, and one more for each label where there are. */
  get(host: string): V | undefined {
    const found = this.#exact.get(host);
    if (found !== undefined || this.#wild.size === 0) return found;
    return this.#wildOf(host);
  }

  /** What was set under this very name, star and all. */
  own(name: string): V | undefined {
    return isWild(name) ? this.#wild.get(name.slice(1)) : this.#exact.get(name);
  }

  /** The name under which a host finds what it finds. */
  nameFor(host: string): string | undefined {
    if (this.#exact.has(host)) return host;
    for (let dot = host.indexOf("."); dot > 0; dot = host.indexOf(".", dot + 1)) {
      if (this.#wild.has(host.slice(dot))) return `*${host.slice(dot)}`;
    }
    return undefined;
  }

  set(name: string, value: V): void {
    if (isWild(name)) this.#wild.set(name.slice(1), value);
    else this.#exact.set(name, value);
  }

  delete(name: string): void {
    if (isWild(name)) this.#wild.delete(name.slice(1));
    else this.#exact.delete(name);
  }

  names(): readonly string[] {
    return [...this.#exact.keys(), ...[...this.#wild.keys()].map((end) => `*${end}`)];
  }

  #wildOf(host: string): V | undefined {
    for (let dot = host.indexOf("."); dot > 0; dot = host.indexOf(".", dot + 1)) {
      const found = this.#wild.get(host.slice(dot));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

export function isWild(name: string): boolean {
  return name.startsWith("*.");
}
