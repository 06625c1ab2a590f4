import type { OwnerReference, Resource } from "../api/meta.ts";

/** Who belongs to whom, by the `ownerReferences` of those who belong, looked up by the owner. */
export class Dependents {
  /** By the uid of the owner, and then by theirs. */
  readonly #byOwner = new Map<string, Map<string, Resource>>();
  /** What each of them said last. */
  readonly #owners = new Map<string, readonly OwnerReference[]>();

  /** All that say that they belong to it, as they are now. */
  of({ metadata }: Resource): readonly Resource[] {
    return [...(this.#byOwner.get(metadata.uid)?.values() ?? [])];
  }

  /** Takes note of what a resource says now. Answers with the owners it no longer names. */
  set(resource: Resource): readonly OwnerReference[] {
    const { uid, ownerReferences: now = [] } = resource.metadata;
    const lost = this.#said(uid).filter((owner) => !now.some((it) => it.uid === owner.uid));
    for (const owner of lost) this.#drop(owner.uid, uid);
    for (const owner of now) {
      const own = this.#byOwner.get(owner.uid) ?? new Map<string, Resource>();
      this.#byOwner.set(owner.uid, own.set(uid, resource));
    }
    if (now.length === 0) this.#owners.delete(uid);
    else this.#owners.set(uid, now);
    return lost;
  }

  /** Takes note that a resource has gone. Answers with the owners that it had. */
  remove({ metadata }: Resource): readonly OwnerReference[] {
    const { uid } = metadata;
    const lost = this.#said(uid);
    for (const owner of lost) this.#drop(owner.uid, uid);
    this.#owners.delete(uid);
    return lost;
  }

  #said(uid: string): readonly OwnerReference[] {
    return this.#owners.get(uid) ?? [];
  }

  #drop(owner: string, uid: string): void {
    const own = this.#byOwner.get(owner);
    own?.delete(uid);
    if (own?.size === 0) this.#byOwner.delete(owner);
  }
}
