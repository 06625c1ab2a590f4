import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Chance } from "../../../src/base/chance.ts";
import type { Act } from "./recording.ts";

/** A change of a file that no sync has made last. */
type Pending = Extract<Act, { type: "written" | "sized" }>;
/** A change of a name that no sync of its directory has made last. */
type Naming = Extract<Act, { type: "made" | "renamed" | "linked" | "removed" }>;

interface File {
  readonly synced: Contents;
  readonly pending: Pending[];
}

/** What becomes of changes that were not synced: one of these for each file and cut. */
const FATES = ["none", "all", "first", "some", "torn"] as const;
type Fate = (typeof FATES)[number];

/** The least that a disk writes whole. */
const SECTOR_BYTES = 512;

/**
 * A disk by the record of what was done to it. What was synced stays whatever happens; of all
 * else, a cut of the power leaves nothing, all, the beginning, some of it or torn pieces, by
 * chance. Names that were changed come back in order, as from a journal, up to some moment.
 */
export class RecordedDisk {
  readonly #files = new Map<bigint, File>();
  readonly #names = new Map<string, File>();
  #namings: { readonly act: Naming; readonly file: File | undefined }[] = [];
  /** As the running program sees them. */
  readonly #seen = new Map<string, File>();

  /** A disk that holds what is in a directory now, all of it synced. */
  constructor(directory: string) {
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      const file: File = { synced: new Contents(readFileSync(path)), pending: [] };
      this.#files.set(statSync(path, { bigint: true }).ino, file);
      this.#names.set(path, file);
      this.#seen.set(path, file);
    }
  }

  /** Whether a cut now could leave different things. */
  get hasUnsynced(): boolean {
    return (
      this.#namings.length > 0 || [...this.#files.values()].some((it) => it.pending.length > 0)
    );
  }

  apply(act: Act): void {
    switch (act.type) {
      case "made":
      case "renamed":
      case "linked":
      case "removed":
        this.#name(act);
        break;
      case "written":
      case "sized":
        this.#file(act.inode).pending.push(act);
        break;
      case "synced":
        sync(this.#file(act.inode));
        break;
      case "directory synced":
        this.#syncNames(act.path);
        break;
    }
  }

  /** Lays out in a directory what is found after the power is cut now. */
  cutTo(directory: string, chance: Chance): void {
    const names = new Map(this.#names);
    const kept = Math.floor(chance.fraction() * (this.#namings.length + 1));
    for (const { act, file } of this.#namings.slice(0, kept)) rename(names, act, file);
    mkdirSync(directory, { recursive: true });
    for (const [path, file] of names) {
      const fate = FATES[Math.floor(chance.fraction() * FATES.length)] ?? "none";
      writeFileSync(
        join(directory, path.slice(dirname(path).length + 1)),
        left(file, fate, chance),
      );
    }
  }

  #file(inode: bigint): File {
    const file = this.#files.get(inode);
    if (file === undefined) throw new Error(`the record knows no file ${inode}`);
    return file;
  }

  #name(act: Naming): void {
    if (act.type === "made") this.#files.set(act.inode, { synced: new Contents(), pending: [] });
    const file = act.type === "made" ? this.#file(act.inode) : this.#seen.get(fromOf(act));
    rename(this.#seen, act, file);
    this.#namings.push({ act, file });
  }

  #syncNames(directory: string): void {
    const isIn = ({ act }: { readonly act: Naming }) => dirname(fromOf(act)) === directory;
    for (const { act, file } of this.#namings.filter(isIn)) rename(this.#names, act, file);
    this.#namings = this.#namings.filter((it) => !isIn(it));
  }
}

function fromOf(act: Naming): string {
  return act.type === "made" || act.type === "removed" ? act.path : act.from;
}

function rename(names: Map<string, File>, act: Naming, file: File | undefined): void {
  if (act.type === "removed" || act.type === "renamed") names.delete(fromOf(act));
  if (act.type === "removed" || file === undefined) return;
  names.set(act.type === "made" ? act.path : act.to, file);
}

function sync({ synced, pending }: File): void {
  for (const act of pending.splice(0)) synced.change(act);
}

function left({ synced, pending }: File, fate: Fate, chance: Chance): Buffer {
  const contents = new Contents(synced.bytes);
  for (const act of kept(pending, fate, chance)) contents.change(act);
  return contents.bytes;
}

function kept(pending: readonly Pending[], fate: Fate, chance: Chance): readonly Pending[] {
  switch (fate) {
    case "none":
      return [];
    case "all":
      return pending;
    case "first":
      return pending.slice(0, Math.floor(chance.fraction() * (pending.length + 1)));
    case "some":
      return pending.filter(() => chance.fraction() < 0.5);
    case "torn":
      return pending.flatMap((act) => torn(act, chance));
  }
}

/** Those sectors of a write that reached the disk. */
function torn(act: Pending, chance: Chance): readonly Pending[] {
  if (act.type === "sized") return chance.fraction() < 0.5 ? [act] : [];
  const { offset, bytes } = act;
  const sectors: Pending[] = [];
  for (let at = offset; at < offset + bytes.length; ) {
    const next = Math.min(
      offset + bytes.length,
      (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES,
    );
    const sector = { ...act, offset: at, bytes: bytes.subarray(at - offset, next - offset) };
    if (chance.fraction() < 0.7) sectors.push(sector);
    at = next;
  }
  return sectors;
}

/** What is in a file. Grows by more than it must, as it will soon grow again. */
class Contents {
  #buffer: Buffer;
  #size: number;

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.#buffer = Buffer.from(bytes);
    this.#size = bytes.length;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }

  change(act: Pending): void {
    const isWritten = act.type === "written";
    const end = isWritten ? Math.max(this.#size, act.offset + act.bytes.length) : act.size;
    this.#resize(end);
    if (isWritten) act.bytes.copy(this.#buffer, act.offset);
  }

  #resize(size: number): void {
    if (size > this.#buffer.length) this.#buffer = Buffer.concat([this.bytes], 2 * size);
    else if (size < this.#size) this.#buffer.fill(0, size, this.#size);
    this.#size = size;
  }
}
