import type { Kind } from "../api/kind.ts";
import { controllerOf, type Resource } from "../api/meta.ts";
import type { Cache, Lister } from "../client/client.ts";
import { isOf } from "../control/woken_by.ts";
import type { Change, Store } from "../store/store.ts";

/** A `Cache` over the store of this process: it is already a watched copy of everything. */
export class LocalCache implements Cache, Disposable {
  readonly #store: Store;
  readonly #watch: Disposable;
  /** What each owner controls, by its uid and then by theirs. */
  readonly #controlled = new Map<string, Map<string, Resource>>();
  readonly #listeners = new Set<(changed: Resource, isGone: boolean) => void>();

  constructor(store: Store) {
    this.#store = store;
    for (const resource of store.linked()) this.#index(resource);
    this.#watch = store.watch(store.revision, (change) => this.#onChange(change));
  }

  lister<R extends Resource>(kind: Kind<R>): Lister<R> {
    return {
      get: (key) => this.#store.get(kind, key),
      list: (namespace) => this.#store.list(kind, namespace),
      controlledBy: ({ metadata }) => {
        const controlled = this.#controlled.get(metadata.uid)?.values() ?? [];
        return [...controlled].filter((it): it is R => isOf(kind, it));
      },
    };
  }

  linked(): Iterable<Resource> {
    return this.#store.linked();
  }

  watch(listener: (changed: Resource, isGone: boolean) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    this.#listeners.clear();
  }

  #onChange({ type, resource, previous }: Change): void {
    if (previous !== undefined) this.#forget(previous);
    if (type === "put") this.#index(resource);
    for (const tell of this.#listeners) tell(resource, type === "delete");
  }

  #index(resource: Resource): void {
    const owner = controllerOf(resource);
    if (owner === undefined) return;
    const own = this.#controlled.get(owner.uid) ?? new Map<string, Resource>();
    this.#controlled.set(owner.uid, own.set(resource.metadata.uid, resource));
  }

  #forget(resource: Resource): void {
    const owner = controllerOf(resource);
    const own = owner && this.#controlled.get(owner.uid);
    own?.delete(resource.metadata.uid);
    if (own?.size === 0 && owner !== undefined) this.#controlled.delete(owner.uid);
  }
}
