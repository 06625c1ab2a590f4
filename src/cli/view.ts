import { isReason } from "../api/error.ts";
import type { Kind } from "../api/kind.ts";
import { pathOf, type Resource } from "../api/meta.ts";
import type { Clock } from "../base/clock.ts";
import type { Client, ListOptions } from "../client/client.ts";

/** Resources of one kind, as they are now. */
export interface Watched<R extends Resource> {
  list(): readonly R[];
  get(name: string): R | undefined;
}

export interface ViewOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** Ends all watches. */
  readonly signal: AbortSignal;
}

/** A part of what the server has, kept fresh while somebody looks at it. */
export class View implements AsyncDisposable {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #over = new AbortController();
  readonly #signal: AbortSignal;
  readonly #watches: Promise<void>[] = [];
  #failure: { readonly thrown: unknown } | undefined;
  #change = Promise.withResolvers<void>();
  #changes = 0;
  #changesSeen = 0;

  constructor({ client, clock, signal }: ViewOptions) {
    this.#client = client;
    this.#clock = clock;
    this.#signal = AbortSignal.any([signal, this.#over.signal]);
  }

  /** Aborted when the view is closed, or the user wants no more. */
  get signal(): AbortSignal {
    return this.#signal;
  }

  /** Begins to watch; what is there by now can be read when this has resolved. */
  async watch<R extends Resource>(kind: Kind<R>, which: ListOptions): Promise<Watched<R>> {
    const found = new Map<string, R>();
    const list = async () => {
      const listing = await this.#client.list(kind, { ...which, signal: this.#signal });
      found.clear();
      for (const item of listing.items) found.set(pathOf(item.metadata), item);
      return listing.resourceVersion;
    };
    const first = await list();
    const follow = async (resourceVersion: string) => {
      const options = { ...which, resourceVersion, signal: this.#signal };
      for await (const { type, object } of this.#client.watch(kind, options)) {
        if (type === "DELETED") found.delete(pathOf(object.metadata));
        else found.set(pathOf(object.metadata), object);
        this.wake();
      }
    };
    this.#watches.push(this.#keep(first, { follow, list }));
    return {
      list: () => [...found.values()],
      get: (name) => found.get(pathOf({ namespace: which.namespace, name })),
    };
  }

  /**
   * Resolves when something has changed since the last time, or after a while. Throws when the
   * server cannot be followed any more.
   */
  async changed(withinMs: number): Promise<void> {
    this.#signal.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure.thrown;
    if (this.#changes === this.#changesSeen) {
      using _end = this.#clock.after(withinMs, () => this.wake());
      await this.#change.promise;
    }
    this.#changesSeen = this.#changes;
    this.#signal.throwIfAborted();
  }

  /** Has whoever waits for a change look again. */
  wake(): void {
    this.#changes += 1;
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    this.wake();
    await Promise.all(this.#watches);
  }

  async #keep(
    first: string,
    by: { follow(from: string): Promise<void>; list(): Promise<string> },
  ): Promise<void> {
    const stop = () => this.wake();
    this.#signal.addEventListener("abort", stop, { once: true });
    try {
      for (let from = first; !this.#signal.aborted; from = await by.list()) {
        await by.follow(from).catch((thrown: unknown) => {
          // What was missed meanwhile is in a new list.
          if (!isReason(thrown, "Expired")) throw thrown;
        });
        if (this.#signal.aborted) return;
      }
    } catch (thrown) {
      if (!this.#signal.aborted) this.#failure = { thrown };
    } finally {
      this.wake();
    }
  }
}
