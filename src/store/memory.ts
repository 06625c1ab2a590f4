import type { Kind } from "../api/kind.ts";
import type { ObjectKey, Resource } from "../api/meta.ts";
import { textOf } from "../api/text.ts";
import { closed, expired } from "./refusal.ts";
import {
  type Change,
  type ChangeListener,
  prefixOf,
  type Store,
  storeKey,
  type WriteOptions,
} from "./store.ts";
import { Watchers } from "./watchers.ts";
import { changeOf, type Write } from "./write.ts";

/** A store that forgets all when it goes: the model of the others, and the store of tests. */
export class MemoryStore implements Store {
  readonly #live = new Map<string, Resource>();
  readonly #watchers = new Watchers();
  #changes: Change[] = [];
  #revision = 0;
  #compactedRevision = 0;
  #isClosed = false;

  get revision(): number {
    return this.#revision;
  }

  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  get<R extends Resource>(kind: Kind<R>, key: ObjectKey): R | undefined {
    return this.#at<R>(storeKey(kind, key));
  }

  list<R extends Resource>(kind: Kind<R>, namespace?: string): readonly R[] {
    const prefix = prefixOf(kind, namespace);
    const keys = [...this.#live.keys()].filter((key) => key.startsWith(prefix));
    return keys.sort().flatMap((key) => this.#at<R>(key) ?? []);
  }

  linked(): Iterable<Resource> {
    return [...this.#live.values()].filter(
      ({ metadata: { ownerReferences, deletionTimestamp } }) => {
        return ownerReferences !== undefined || deletionTimestamp !== undefined;
      },
    );
  }

  put<R extends Resource>(resource: R, { expected }: WriteOptions): Promise<R> {
    return this.#write({ type: "put", resource, expected });
  }

  delete<R extends Resource>(resource: R, { expected }: WriteOptions): Promise<R> {
    return this.#write({ type: "delete", resource, expected });
  }

  watch(after: number, listener: ChangeListener): Disposable {
    this.#checkOpen();
    if (after < this.#compactedRevision) throw expired(after, this.#compactedRevision);
    const past = this.#changes.filter(({ revision }) => revision > after);
    return this.#watchers.add({ after, listener }, past);
  }

  async compact(revision: number): Promise<void> {
    this.#checkOpen();
    const upTo = Math.min(revision, this.#revision);
    this.#compactedRevision = Math.max(upTo, this.#compactedRevision);
    this.#changes = this.#changes.filter((change) => change.revision > this.#compactedRevision);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    // What was asked for before is done first.
    await undefined;
    this.#watchers.clear();
  }

  #at<R extends Resource>(key: string): R | undefined {
    return this.#live.get(key) as R | undefined;
  }

  async #write<R extends Resource>(write: Write<R>): Promise<R> {
    this.#checkOpen();
    // Never within the call, so that no listener hears of a change while it hears of another.
    await undefined;
    const key = storeKey(write.resource, write.resource.metadata);
    const stored = this.#live.get(key);
    const change = changeOf(write, { stored, revision: this.#revision + 1 });
    // Throws for what is no JSON, as any store must.
    textOf(change.resource);
    if (change.type === "put") this.#live.set(key, change.resource);
    else this.#live.delete(key);
    this.#revision = change.revision;
    this.#changes.push(change);
    this.#watchers.tell([change]);
    return change.resource;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closed();
  }
}
