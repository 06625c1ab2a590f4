import type { Kind } from "../api/kind.ts";
import type { ObjectKey, Resource } from "../api/meta.ts";
import type { View } from "../api/view.ts";
import type { Change, ChangeListener, Store, WriteOptions } from "../store/store.ts";

/**
 * A store in which one kind is there in another form as well: read, written and watched in that
 * form, kept in its own. So the operations of the API serve it as they serve any kind.
 */
export class ViewStore implements Store {
  readonly #store: Store;
  readonly #view: View;
  /** The same object each time, as callers remember what they made of one. */
  readonly #shown = new WeakMap<Resource, Resource>();

  constructor(store: Store, view: View) {
    this.#store = store;
    this.#view = view;
  }

  get revision(): number {
    return this.#store.revision;
  }

  get compactedRevision(): number {
    return this.#store.compactedRevision;
  }

  get<R extends Resource>(kind: Kind<R>, key: ObjectKey): R | undefined {
    if (!this.#isShown(kind)) return this.#store.get(kind, key);
    const stored = this.#store.get(this.#view.of, key);
    return stored && (this.#show(stored) as R);
  }

  list<R extends Resource>(kind: Kind<R>, namespace?: string): readonly R[] {
    if (!this.#isShown(kind)) return this.#store.list(kind, namespace);
    return this.#store.list(this.#view.of, namespace).map((it) => this.#show(it) as R);
  }

  /** In the form that they are kept in. */
  linked(): Iterable<Resource> {
    return this.#store.linked();
  }

  async put<R extends Resource>(resource: R, options: WriteOptions): Promise<R> {
    if (!this.#isShown(resource)) return await this.#store.put(resource, options);
    const stored = await this.#store.put(this.#view.store(resource), options);
    return this.#show(stored) as R;
  }

  async delete<R extends Resource>(resource: R, options: WriteOptions): Promise<R> {
    if (!this.#isShown(resource)) return await this.#store.delete(resource, options);
    const stored = await this.#store.delete(this.#view.store(resource), options);
    return this.#show(stored) as R;
  }

  watch(after: number, listener: ChangeListener): Disposable {
    return this.#store.watch(after, (change) => listener(this.#changeOf(change)));
  }

  async compact(revision: number): Promise<void> {
    await this.#store.compact(revision);
  }

  /** Ends nothing: the store behind it is not its own. */
  async [Symbol.asyncDispose](): Promise<void> {}

  #isShown({ apiVersion, kind }: Pick<Kind, "apiVersion" | "kind">): boolean {
    return apiVersion === this.#view.kind.apiVersion && kind === this.#view.kind.kind;
  }

  #changeOf(change: Change): Change {
    const { apiVersion, kind } = this.#view.of;
    const { resource, previous } = change;
    if (resource.apiVersion !== apiVersion || resource.kind !== kind) return change;
    return {
      ...change,
      resource: this.#show(resource),
      previous: previous && this.#show(previous),
    };
  }

  #show(stored: Resource): Resource {
    const known = this.#shown.get(stored);
    if (known !== undefined) return known;
    const shown = this.#view.show(stored);
    this.#shown.set(stored, shown);
    return shown;
  }
}
