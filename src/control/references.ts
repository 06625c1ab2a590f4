import type { Kind } from "../api/kind.ts";
import { type ObjectKey, pathOf, type Resource } from "../api/meta.ts";
import type { Cache } from "../client/client.ts";
import { isOf } from "./woken_by.ts";

export interface ReferencesOptions<R extends Resource> {
  readonly cache: Cache;
  /** Whose references. */
  readonly kind: Kind<R>;
  /** What one of them refers to, in words of the caller's choice. */
  readonly targetsOf: (resource: R) => readonly string[];
}

/** Who refers to what, looked up from the other end, and word of every change of it. */
export class References<R extends Resource> implements Disposable {
  readonly #options: ReferencesOptions<R>;
  readonly #watch: Disposable;
  readonly #targets = new Map<string, ReadonlySet<string>>();
  readonly #referrers = new Map<string, Map<string, ObjectKey>>();
  readonly #listeners = new Set<(target: string, referrer: ObjectKey) => void>();

  constructor(options: ReferencesOptions<R>) {
    this.#options = options;
    const { cache, kind } = options;
    for (const resource of cache.lister(kind).list()) this.#set(resource, false);
    this.#watch = cache.watch((changed, isGone) => {
      if (isOf(kind, changed)) this.#set(changed as R, isGone);
    });
  }

  /** Those who refer to it now. */
  to(target: string): readonly ObjectKey[] {
    return [...(this.#referrers.get(target)?.values() ?? [])];
  }

  /** Calls with each target whose referrers changed, or changed themselves, and with who did. */
  watch(listener: (target: string, referrer: ObjectKey) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    this.#listeners.clear();
  }

  #set(resource: R, isGone: boolean): void {
    const { namespace, name } = resource.metadata;
    const key = { namespace, name };
    const path = pathOf(key);
    const before = this.#targets.get(path) ?? new Set<string>();
    const after = new Set(isGone ? [] : this.#options.targetsOf(resource));
    for (const target of before) if (!after.has(target)) this.#remove(target, path);
    for (const target of after) {
      const referrers = this.#referrers.get(target) ?? new Map<string, ObjectKey>();
      this.#referrers.set(target, referrers.set(path, key));
    }
    if (after.size === 0) this.#targets.delete(path);
    else this.#targets.set(path, after);
    for (const target of new Set([...before, ...after])) {
      for (const tell of this.#listeners) tell(target, key);
    }
  }

  #remove(target: string, path: string): void {
    const referrers = this.#referrers.get(target);
    referrers?.delete(path);
    if (referrers?.size === 0) this.#referrers.delete(target);
  }
}
