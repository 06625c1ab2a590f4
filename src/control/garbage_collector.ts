import { isReason } from "../api/error.ts";
import type { Kind } from "../api/kind.ts";
import {
  FOREGROUND_FINALIZER,
  isGoing,
  ORPHAN_FINALIZER,
  type OwnerReference,
  type Resource,
} from "../api/meta.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Cache, Client } from "../client/client.ts";
import { Dependents } from "./dependents.ts";
import { isOf } from "./woken_by.ts";

export interface GarbageCollectorDeps {
  readonly kinds: readonly Kind[];
  readonly client: Client;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long to wait before a failed look is repeated. */
const AGAIN_MS = 1000;

/** How many are looked at at once. */
const TOGETHER = 16;

/**
 * Deletes what has lost all its owners, and lets owners go that wait for what they own: Kubernetes'
 * rules for `ownerReferences` and the three ways to propagate a deletion.
 */
export class GarbageCollector implements AsyncDisposable {
  readonly #deps: GarbageCollectorDeps;
  readonly #dependents = new Dependents();
  readonly #due = new Map<string, Resource>();
  readonly #later = new Set<Disposable>();
  #watch: Disposable | undefined;
  #working: Promise<void> | undefined;
  #isStopped = false;

  constructor(deps: GarbageCollectorDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { cache } = this.#deps;
    this.#watch = cache.watch((changed, isGone) => this.#onChange(changed, isGone));
    for (const resource of cache.linked()) this.#onChange(resource, false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#watch?.[Symbol.dispose]();
    for (const timer of this.#later) timer[Symbol.dispose]();
    this.#due.clear();
    await this.#working;
  }

  /** Resolves when nothing is due any more. */
  async settled(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  #onChange(changed: Resource, isGone: boolean): void {
    const lost = isGone ? this.#dependents.remove(changed) : this.#dependents.set(changed);
    for (const owner of lost) {
      // An owner that waits for what it owns may have waited for this one.
      const waiting = this.#find(owner, changed.metadata.namespace);
      if (waiting !== undefined && isGoing(waiting)) this.#ask(waiting);
    }
    if (!isGone) this.#ask(changed);
    else for (const dependent of this.#dependents.of(changed)) this.#ask(dependent);
  }

  #ask(resource: Resource): void {
    const { ownerReferences = [], finalizers = [], uid } = resource.metadata;
    const isWaiting =
      finalizers.includes(FOREGROUND_FINALIZER) || finalizers.includes(ORPHAN_FINALIZER);
    if (ownerReferences.length === 0 && !(isGoing(resource) && isWaiting)) return;
    if (this.#isStopped) return;
    this.#due.set(uid, resource);
    this.#working ??= this.#work();
  }

  async #work(): Promise<void> {
    await Promise.resolve();
    while (this.#due.size > 0) {
      const some = [...this.#due.values()].slice(0, TOGETHER);
      for (const { metadata } of some) this.#due.delete(metadata.uid);
      await Promise.all(some.map((resource) => this.#lookSafely(resource)));
    }
    this.#working = undefined;
  }

  async #lookSafely(resource: Resource): Promise<void> {
    try {
      await this.#look(resource);
    } catch (thrown) {
      this.#onFailure(resource, thrown);
    }
  }

  #onFailure(resource: Resource, thrown: unknown): void {
    const { clock, log } = this.#deps;
    if (this.#isStopped || isReason(thrown, "NotFound")) return;
    const { name } = resource.metadata;
    const about = { err: thrown, kind: resource.kind, name };
    if (!isReason(thrown, "Conflict")) log.warn(about, "could not collect garbage: will try again");
    const timer = clock.after(AGAIN_MS, () => {
      this.#later.delete(timer);
      this.#ask(resource);
    });
    this.#later.add(timer);
  }

  async #look(stale: Resource): Promise<void> {
    const resource = this.#fresh(stale);
    if (resource === undefined) return;
    const { finalizers = [] } = resource.metadata;
    if (!isGoing(resource)) await this.#collect(resource);
    else if (finalizers.includes(ORPHAN_FINALIZER)) await this.#letGo(resource);
    else if (finalizers.includes(FOREGROUND_FINALIZER)) await this.#awaitOwned(resource);
  }

  /** Deletes it when none of its owners will stay; else it forgets those that will not. */
  async #collect(resource: Resource): Promise<void> {
    const { ownerReferences = [] } = resource.metadata;
    if (ownerReferences.length === 0) return;
    const states = ownerReferences.map((owner) => this.#stateOf(owner, resource));
    if (states.includes("staying")) {
      const staying = ownerReferences.filter((_, index) => states[index] === "staying");
      if (staying.length < ownerReferences.length) await this.#keepOwners(resource, staying);
      return;
    }
    const isAwaited = states.includes("waiting") && this.#dependents.of(resource).length > 0;
    await this.#deps.client.delete(resource, isAwaited ? { propagation: "Foreground" } : {});
  }

  /** Lets an owner go when nothing holds it back any more, and else hurries what does. */
  async #awaitOwned(owner: Resource): Promise<void> {
    const { uid } = owner.metadata;
    const all = this.#dependents.of(owner);
    const isBlocking = ({ metadata }: Resource) =>
      metadata.ownerReferences?.some((it) => it.uid === uid && it.blockOwnerDeletion === true);
    if (!all.some(isBlocking)) return await this.#withoutFinalizer(owner, FOREGROUND_FINALIZER);
    for (const dependent of all) if (!isGoing(dependent)) this.#ask(dependent);
  }

  /** What it owned belongs to nobody from now on. */
  async #letGo(owner: Resource): Promise<void> {
    const { uid } = owner.metadata;
    for (const dependent of this.#dependents.of(owner)) {
      const others = dependent.metadata.ownerReferences?.filter((it) => it.uid !== uid) ?? [];
      await this.#keepOwners(dependent, others);
    }
    await this.#withoutFinalizer(owner, ORPHAN_FINALIZER);
  }

  async #keepOwners(resource: Resource, ownerReferences: readonly OwnerReference[]): Promise<void> {
    const metadata = { ...resource.metadata, ownerReferences };
    await this.#deps.client.put({ ...resource, metadata });
  }

  async #withoutFinalizer(resource: Resource, finalizer: string): Promise<void> {
    const finalizers = resource.metadata.finalizers?.filter((it) => it !== finalizer) ?? [];
    await this.#deps.client.put({ ...resource, metadata: { ...resource.metadata, finalizers } });
  }

  #fresh(stale: Resource): Resource | undefined {
    const { kinds, cache } = this.#deps;
    const kind = kinds.find((it) => isOf(it, stale));
    const now = kind && cache.lister(kind).get(stale.metadata);
    return now?.metadata.uid === stale.metadata.uid ? now : undefined;
  }

  /** What we cannot look up is taken to be there: better to keep too much than too little. */
  #stateOf(owner: OwnerReference, { metadata }: Resource): "staying" | "waiting" | "gone" {
    const kind = this.#deps.kinds.find((it) => isOf(it, owner));
    const isOutOfReach = kind?.isNamespaced === true && metadata.namespace === undefined;
    if (kind === undefined || isOutOfReach) return "staying";
    const found = this.#find(owner, metadata.namespace);
    if (found === undefined) return "gone";
    return isWaitingForOwned(found) ? "waiting" : "staying";
  }

  /** The owner that is meant, if it is there: another one of its name does not count. */
  #find(owner: OwnerReference, namespace: string | undefined): Resource | undefined {
    const { kinds, cache } = this.#deps;
    const kind = kinds.find((it) => isOf(it, owner));
    const key = { name: owner.name, ...(kind?.isNamespaced && { namespace }) };
    const found = kind && cache.lister(kind).get(key);
    return found?.metadata.uid === owner.uid ? found : undefined;
  }
}

/** It is on its way out, and takes along what it owns. */
function isWaitingForOwned(owner: Resource): boolean {
  return isGoing(owner) && (owner.metadata.finalizers ?? []).includes(FOREGROUND_FINALIZER);
}
