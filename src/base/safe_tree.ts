import type { Stats } from "node:fs";
import {
  chmod,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  realpath,
  rm,
  symlink,
} from "node:fs/promises";
import { join, posix } from "node:path";
import { type ArchiveEntry, ArchiveError } from "./archive.ts";
import { isMissing, writeAll } from "./durable_file.ts";

export interface TreeLimits {
  /** Of all files together. */
  readonly bytesMax: number;
  readonly entriesMax: number;
  readonly pathBytesMax: number;
}

/** What a source may hold unless its receiver says otherwise. */
export const TREE_LIMITS: TreeLimits = {
  bytesMax: 2 * 1024 ** 3,
  entriesMax: 250_000,
  pathBytesMax: 1024,
};

export interface SafeTreeOptions {
  readonly root: string;
  readonly limits: TreeLimits;
  /**
   * `refuse`: links may point inside of the tree only, and nothing is written through one, as
   * fits a source. `follow`: links may say anything, and mean what they would mean if the root of
   * the tree were that of the machine, as fits a layer of an image.
   */
  readonly links: "refuse" | "follow";
}

const LINKS_MAX = 40;
const NAME_BYTES_MAX = 255;

/** A directory into which entries of archives are written, none of them outside of it. */
export class SafeTree {
  readonly #options: SafeTreeOptions;
  /** Real directories that we have seen or made, so that few of them are looked at twice. */
  readonly #known = new Set<string>([""]);
  readonly #links: string[] = [];
  #bytes = 0;
  #entries = 0;

  constructor(options: SafeTreeOptions) {
    this.#options = options;
  }

  /**
   * Writes one entry in place of what was there, and answers with where it is, links followed.
   * Throws `ArchiveError`.
   */
  async put(entry: ArchiveEntry): Promise<string | undefined> {
    const { entriesMax } = this.#options.limits;
    this.#entries += 1;
    if (this.#entries > entriesMax) throw tooLarge(`more than ${entriesMax} entries`);
    const steps = this.#stepsOf(entry.path);
    if (steps.length === 0) return undefined;
    if (entry.type === "device") return this.#skipDevice(entry);
    const parents = await this.#directory(steps.slice(0, -1), { path: entry.path, makes: true });
    const at = [...(parents ?? []), steps.at(-1)].join("/");
    if (entry.type === "directory") await this.#putDirectory(at, entry);
    else if (entry.type === "file") await this.#putFile(at, entry);
    else if (entry.type === "symlink") await this.#putSymlink(at, entry);
    else await this.#putHardlink(at, entry);
    return at;
  }

  /**
   * Removes what is in the directory `path`, or only what has this name in it, but for what is to
   * be kept, and for the directories above that.
   */
  async remove(
    path: string,
    { name, keeps }: { readonly name?: string; readonly keeps: (at: string) => boolean },
  ): Promise<void> {
    const real = await this.#directory(this.#stepsOf(path), { path, makes: false });
    if (real === undefined) return;
    const names = name === undefined ? await readdir(this.#at(real.join("/"))) : [name];
    for (const each of names) await this.#removeAt([...real, each].join("/"), keeps);
  }

  async #removeAt(at: string, keeps: (at: string) => boolean): Promise<void> {
    if (!keeps(at)) return await this.#clear(at);
    if (!(await this.#look(at))?.isDirectory()) return;
    for (const name of await readdir(this.#at(at))) await this.#removeAt(`${at}/${name}`, keeps);
  }

  /** The names that lead to an entry. Throws `ArchiveError` when they lead outside. */
  #stepsOf(path: string): readonly string[] {
    const { limits, links } = this.#options;
    const isAbsolute = path.startsWith("/") && links === "refuse";
    const steps = path.split("/").filter((step) => step !== "" && step !== ".");
    if (isAbsolute || steps.includes("..") || path.includes("\0")) {
      throw new ArchiveError("Unsafe", `the entry "${path}" is outside of the archive`);
    }
    const isNameTooLong = steps.some((step) => Buffer.byteLength(step) > NAME_BYTES_MAX);
    if (isNameTooLong || Buffer.byteLength(path) > limits.pathBytesMax) {
      const start = `${path.slice(0, 60)}…`;
      const limit = isNameTooLong
        ? `${NAME_BYTES_MAX} bytes a name`
        : `${limits.pathBytesMax} bytes`;
      throw tooLarge(`the path "${start}", which is over ${limit}`);
    }
    return steps;
  }

  /** Throws `ArchiveError` when a link, with all others in place, leads out of the tree. */
  async check(): Promise<void> {
    const root = await realpath(this.#options.root);
    for (const path of this.#links) {
      const end = await realpath(join(root, path)).catch(() => root);
      if (end !== root && !end.startsWith(`${root}/`)) throw outside(path, end);
    }
  }

  /** The real directory of this path, or nothing when it is neither there nor to be made. */
  async #directory(
    steps: readonly string[],
    { path, makes }: { readonly path: string; readonly makes: boolean },
  ): Promise<readonly string[] | undefined> {
    if (this.#known.has(steps.join("/"))) return steps;
    const left = steps.toReversed();
    let real: string[] = [];
    let links = 0;
    for (let step = left.pop(); step !== undefined; step = left.pop()) {
      if (step === "..") {
        real.pop();
        continue;
      }
      const at = [...real, step].join("/");
      const stat = this.#known.has(at) ? undefined : await this.#look(at);
      if (stat?.isSymbolicLink()) {
        links += 1;
        const target = await this.#follow(at, { path, links });
        if (target.startsWith("/")) real = [];
        left.push(...partsOf(target).toReversed());
        continue;
      }
      if (stat !== undefined && !stat.isDirectory()) throw blocked(path, at);
      real.push(step);
      if (this.#known.has(at)) continue;
      if (stat === undefined) {
        if (!makes) return undefined;
        await mkdir(this.#at(at));
        await chmod(this.#at(at), 0o755);
      }
      this.#known.add(at);
    }
    return real;
  }

  async #follow(at: string, { path, links }: { path: string; links: number }): Promise<string> {
    if (this.#options.links === "refuse") {
      throw new ArchiveError("Unsafe", `the entry "${path}" is behind the link "${at}"`);
    }
    if (links > LINKS_MAX) throw blocked(path, at);
    return await readlink(this.#at(at));
  }

  async #putDirectory(at: string, { mode }: ArchiveEntry): Promise<void> {
    const stat = await this.#look(at);
    if (!stat?.isDirectory()) {
      if (stat !== undefined) await this.#clear(at);
      await mkdir(this.#at(at));
    }
    this.#known.add(at);
    // Whatever the archive says, we must be able to write in it, and to remove it.
    await chmod(this.#at(at), this.#options.links === "refuse" ? 0o755 : mode | 0o700);
  }

  async #putFile(at: string, { path, mode, bytes, content }: ArchiveEntry): Promise<void> {
    this.#count(path, bytes);
    const file = await this.#open(at);
    try {
      let written = 0;
      for await (const chunk of content) {
        written += chunk.length;
        if (written > bytes) this.#count(path, chunk.length);
        await writeAll(file, chunk);
      }
      const plain = (mode & 0o111) === 0 ? 0o644 : 0o755;
      await file.chmod(this.#options.links === "refuse" ? plain : (mode & 0o777) | 0o400);
    } finally {
      await file.close();
    }
  }

  async #open(at: string) {
    try {
      return await open(this.#at(at), "wx");
    } catch (thrown) {
      if (!(thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST")) throw thrown;
      await this.#clear(at);
      return await open(this.#at(at), "wx");
    }
  }

  async #putSymlink(at: string, { path, target }: ArchiveEntry): Promise<void> {
    if (this.#options.links === "refuse") {
      const end = posix.join(posix.dirname(at), target);
      if (target.startsWith("/") || /^\.\.(\/|$)/.test(end)) throw outside(path, target);
    }
    await this.#clear(at);
    await symlink(target, this.#at(at));
    this.#links.push(at);
  }

  async #putHardlink(at: string, { path, target }: ArchiveEntry): Promise<void> {
    const steps = this.#stepsOf(target);
    const parents = await this.#directory(steps.slice(0, -1), { path, makes: false });
    const from = [...(parents ?? []), ...steps.slice(-1)].join("/");
    const stat = parents && (await this.#look(from));
    if (stat === undefined || stat.isDirectory()) {
      const why = `the entry "${path}" is a link to "${target}", which is no file of the archive`;
      throw new ArchiveError("Damaged", why);
    }
    if (from === at) return;
    await this.#clear(at);
    await link(this.#at(from), this.#at(at));
  }

  /** A process has the devices of its machine: a layer may name them, a source has none. */
  #skipDevice({ path }: ArchiveEntry): undefined {
    if (this.#options.links === "follow") return undefined;
    throw new ArchiveError("Unsupported", `the entry "${path}" is a device or a pipe`);
  }

  async #clear(at: string): Promise<void> {
    await rm(this.#at(at), { recursive: true, force: true });
    if (!this.#known.has(at)) return;
    for (const known of this.#known) {
      if (known === at || known.startsWith(`${at}/`)) this.#known.delete(known);
    }
  }

  #count(path: string, bytes: number): void {
    const { bytesMax } = this.#options.limits;
    this.#bytes += bytes;
    if (this.#bytes > bytesMax) throw tooLarge(`more than ${bytesMax} bytes, with "${path}"`);
  }

  async #look(at: string): Promise<Stats | undefined> {
    try {
      return await lstat(this.#at(at));
    } catch (thrown) {
      if (isMissing(thrown)) return undefined;
      throw thrown;
    }
  }

  #at(path: string): string {
    return join(this.#options.root, path);
  }
}

function partsOf(target: string): readonly string[] {
  return target.split("/").filter((part) => part !== "" && part !== ".");
}

function tooLarge(what: string): ArchiveError {
  return new ArchiveError("TooLarge", `the archive holds ${what}`);
}

function outside(path: string, target: string): ArchiveError {
  const why = `the link "${path}" points to "${target}", outside of the archive`;
  return new ArchiveError("Unsafe", why);
}

function blocked(path: string, at: string): ArchiveError {
  return new ArchiveError("Damaged", `the entry "${path}" is under "${at}", which is no directory`);
}
