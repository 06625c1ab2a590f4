import { ApiError } from "../api/error.ts";
import { groupOf } from "../api/group.ts";
import type { Kind } from "../api/kind.ts";
import { type ObjectKey, pathOf, type Resource } from "../api/meta.ts";
import type { Store } from "../store/store.ts";

/** A store of what was made just now, to be read once: nothing is kept, and nothing changes. */
export class ComputedStore implements Store {
  readonly #store: Store;
  readonly #resources: readonly Resource[];

  /** `store` says how far we are in the log; `resources` are there, and no others. */
  constructor(store: Store, resources: readonly Resource[]) {
    this.#store = store;
    this.#resources = resources;
  }

  get revision(): number {
    return this.#store.revision;
  }

  get compactedRevision(): number {
    return this.#store.revision;
  }

  get<R extends Resource>(kind: Kind<R>, key: ObjectKey): R | undefined {
    return this.list(kind).find(({ metadata }) => pathOf(metadata) === pathOf(key));
  }

  list<R extends Resource>(kind: Kind<R>, namespace?: string): readonly R[] {
    const found = this.#resources.filter((it): it is R => {
      const isMeant = namespace === undefined || it.metadata.namespace === namespace;
      return (
        isMeant && it.kind === kind.kind && groupOf(it.apiVersion) === groupOf(kind.apiVersion)
      );
    });
    return found.toSorted((one, other) => {
      return pathOf(one.metadata) < pathOf(other.metadata) ? -1 : 1;
    });
  }

  linked(): Iterable<Resource> {
    return this.#resources;
  }

  async put(): Promise<never> {
    throw refusal();
  }

  async delete(): Promise<never> {
    throw refusal();
  }

  watch(): never {
    throw refusal();
  }

  async compact(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

function refusal(): ApiError {
  const message = "the server does not allow this method on the requested resource";
  return new ApiError("MethodNotAllowed", message);
}
