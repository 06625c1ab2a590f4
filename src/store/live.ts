import type { Kind } from "../api/kind.ts";
import type { ObjectKey, Resource } from "../api/meta.ts";
import { type Change, prefixOf, storeKey } from "./store.ts";

/**
 * What stands in the file, and nobody has asked for yet: its revision, and less than 0 where it may
 * have owners or be on its way out. A number, as a start makes one for each.
 */
type Unread = number;

/** One key and what is stored there. Once it is empty it stays so: the key then gets a new one. */
interface Slot {
  readonly key: string;
  held: Resource | Unread | undefined;
}

const LINKS = ["ownerReferences", "deletionTimestamp"] as const;
const [OWNED, GOING] = LINKS.map((field) => `"${field}"`) as [string, string];

/** All that is stored now: by key, and for each kind in order. */
export class Live {
  readonly #read: (revision: number) => Resource;
  readonly #slots = new Map<string, Slot>();
  readonly #kinds = new Map<string, SortedSlots>();
  #last = { prefix: "", slots: new SortedSlots() };

  /** `read` answers with what was put at a revision. */
  constructor(read: (revision: number) => Resource) {
    this.#read = read;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** The revision that each was put at. */
  *revisions(): Iterable<number> {
    for (const { held } of this.#slots.values()) {
      if (typeof held === "number") yield Math.abs(held);
      else if (held !== undefined) yield Number(held.metadata.resourceVersion);
    }
  }

  /** All that have owners or are on their way out, and maybe others. */
  *linked(): Iterable<Resource> {
    for (const slot of this.#slots.values()) {
      const resource = isLinked(slot) ? this.#in(slot) : undefined;
      if (resource !== undefined) yield resource;
    }
  }

  at(key: string): Resource | undefined {
    const slot = this.#slots.get(key);
    return slot && this.#in(slot);
  }

  get<R extends Resource>(kind: Kind<R>, key: ObjectKey): R | undefined {
    return this.at(storeKey(kind, key)) as R | undefined;
  }

  list<R extends Resource>(kind: Kind<R>, namespace?: string): readonly R[] {
    const slots = this.#kinds.get(prefixOf(kind))?.inOrder() ?? [];
    if (namespace === undefined) return slots.map((slot) => this.#in(slot) as R);
    const prefix = prefixOf(kind, namespace);
    // "0" is the character after the "/" that every prefix ends in.
    const end = positionOf(`${prefix.slice(0, -1)}0`, slots);
    return slots.slice(positionOf(prefix, slots), end).map((slot) => this.#in(slot) as R);
  }

  apply(key: string, { type, resource }: Pick<Change, "type" | "resource">): void {
    const slot = this.#slots.get(key);
    if (type === "delete") {
      if (slot === undefined) return;
      slot.held = undefined;
      this.#slots.delete(key);
      this.#sorted(prefixOf(resource)).changed(slot);
      return;
    }
    if (slot !== undefined) {
      slot.held = resource;
      return;
    }
    this.#add(prefixOf(resource), { key, held: resource });
  }

  /** Adds what is not there yet: the text of a resource that was put at a revision. */
  addUnread(key: string, revision: number, text: string): void {
    // A text that says so of something else is read in vain.
    const mayBeLinked = text.includes(OWNED) || text.includes(GOING);
    const slot = { key, held: mayBeLinked ? -revision : revision };
    this.#slots.set(key, slot);
    // Most are of the same kind as the one before.
    const { prefix } = this.#last;
    if (prefix === "" || !key.startsWith(prefix)) this.#last = this.#kindOf(key);
    this.#last.slots.add(slot);
  }

  #kindOf(key: string): { readonly prefix: string; readonly slots: SortedSlots } {
    const prefix = key.slice(0, key.indexOf("/") + 1);
    return { prefix, slots: this.#sorted(prefix) };
  }

  /** Read when somebody first asks: after a start, nobody asks for most of them. */
  #in(slot: Slot): Resource | undefined {
    if (typeof slot.held === "number") slot.held = this.#read(Math.abs(slot.held));
    return slot.held;
  }

  #add(prefix: string, slot: Slot): void {
    this.#slots.set(slot.key, slot);
    this.#sorted(prefix).changed(slot);
  }

  #sorted(prefix: string): SortedSlots {
    const known = this.#kinds.get(prefix);
    if (known !== undefined) return known;
    const made = new SortedSlots();
    this.#kinds.set(prefix, made);
    return made;
  }
}

function isLinked({ held }: Slot): boolean {
  if (held === undefined || typeof held === "number") return (held ?? 0) < 0;
  return LINKS.some((field) => held.metadata[field] !== undefined);
}

/** With so few changes, moving what stands behind each costs less than sorting again. */
const PLACED_MAX = 64;

/** The slots of one kind, sorted when somebody asks and not before. */
class SortedSlots {
  #slots: Slot[] = [];
  #isSorted = true;
  /** New slots, which are not among the others yet, and emptied ones, which may still be. */
  #changed: Slot[] = [];

  /** One of very many that are new: nobody lists them yet. */
  add(slot: Slot): void {
    this.#slots.push(slot);
    this.#isSorted = false;
  }

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
    if (slot.held !== undefined) this.#slots.splice(at, 0, slot);
    else if (this.#slots[at] === slot) this.#slots.splice(at, 1);
  }

  #sort(): void {
    this.#absorb();
    this.#slots.sort((one, other) => (one.key < other.key ? -1 : 1));
    this.#isSorted = true;
  }

  #absorb(): void {
    const isHeld = ({ held }: Slot) => held !== undefined;
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
