import type { Kind } from "../api/kind.ts";
import type { ObjectKey, Resource, TypeMeta } from "../api/meta.ts";
import { type Change, prefixOf, storeKey } from "./store.ts";

/** One key and what is stored there. Once it is empty it stays so: the key then gets a new one. */
interface Slot {
  readonly key: string;
  resource: Resource | undefined;
}

/** All that is stored now: by key, and for each kind in order. */
export class Live {
  readonly #slots = new Map<string, Slot>();
  readonly #kinds = new Map<string, SortedSlots>();

  get size(): number {
    return this.#slots.size;
  }

  /** The revision that each was put at. */
  *revisions(): Iterable<number> {
    for (const { resource } of this.#slots.values()) {
      if (resource !== undefined) yield Number(resource.metadata.resourceVersion);
    }
  }

  at(key: string): Resource | undefined {
    return this.#slots.get(key)?.resource;
  }

  get<R extends Resource>(kind: Kind<R>, key: ObjectKey): R | undefined {
    const slot = this.#slots.get(storeKey(kind, key));
    return slot === undefined ? undefined : held<R>(slot);
  }

  list<R extends Resource>(kind: Kind<R>, namespace?: string): readonly R[] {
    const slots = this.#kinds.get(prefixOf(kind))?.inOrder() ?? [];
    if (namespace === undefined) return slots.map(held<R>);
    const prefix = prefixOf(kind, namespace);
    // "0" is the character after the "/" that every prefix ends in.
    const end = positionOf(`${prefix.slice(0, -1)}0`, slots);
    return slots.slice(positionOf(prefix, slots), end).map(held<R>);
  }

  apply(key: string, { type, resource }: Pick<Change, "type" | "resource">): void {
    const slot = this.#slots.get(key);
    if (type === "delete") {
      if (slot === undefined) return;
      slot.resource = undefined;
      this.#slots.delete(key);
      this.#sorted(resource).changed(slot);
      return;
    }
    if (slot !== undefined) {
      slot.resource = resource;
      return;
    }
    const added = { key, resource };
    this.#slots.set(key, added);
    this.#sorted(resource).changed(added);
  }

  #sorted(type: TypeMeta): SortedSlots {
    const prefix = prefixOf(type);
    const known = this.#kinds.get(prefix);
    if (known !== undefined) return known;
    const made = new SortedSlots();
    this.#kinds.set(prefix, made);
    return made;
  }
}

/** The slot was found under a key of this kind, so what it holds is one. */
function held<R extends Resource>({ resource }: Slot): R {
  return resource as R;
}

/** With so few changes, moving what stands behind each costs less than sorting again. */
const PLACED_MAX = 64;

/** The slots of one kind, sorted when somebody asks and not before. */
class SortedSlots {
  #slots: Slot[] = [];
  #isSorted = true;
  /** New slots, which are not among the others yet, and emptied ones, which may still be. */
  #changed: Slot[] = [];

  changed(slot: Slot): void {
    this.#changed.push(slot);
    // So that a kind that nobody lists does not keep what is long gone.
    if (this.#changed.length > PLACED_MAX + this.#slots.length / 8) this.#absorb();
  }

  inOrder(): readonly Slot[] {
    if (this.#changed.length > PLACED_MAX) this.#absorb();
    if (this.#isSorted) for (const slot of this.#changed) this.#place(slot);
    else this.#sort();
    this.#changed = [];
    return this.#slots;
  }

  #place(slot: Slot): void {
    const at = positionOf(slot.key, this.#slots);
    if (slot.resource !== undefined) this.#slots.splice(at, 0, slot);
    else if (this.#slots[at] === slot) this.#slots.splice(at, 1);
  }

  #sort(): void {
    this.#absorb();
    this.#slots.sort((one, other) => (one.key < other.key ? -1 : 1));
    this.#isSorted = true;
  }

  #absorb(): void {
    const isHeld = ({ resource }: Slot) => resource !== undefined;
    this.#slots = [...this.#slots.filter(isHeld), ...this.#changed.filter(isHeld)];
    this.#changed = [];
    this.#isSorted = false;
  }
}

/** Where the first slot stands whose key is not before `key`. */
function positionOf(key: string, slots: readonly Slot[]): number {
  let from = 0;
  let to = slots.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((slots[middle]?.key ?? "") < key) from = middle + 1;
    else to = middle;
  }
  return from;
}
