import { mkdirSync, renameSync, statSync, utimesSync } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { isMissing } from "../base/durable_file.ts";
import { removeTree } from "./work.ts";

export interface BuildCachesOptions {
  /** The directory of the builder. */
  readonly home: string;
  readonly clock: Clock;
}

export interface CacheLimits {
  /** What no build has used for so long goes. */
  readonly idleMs: number;
  /** What is used longest ago goes until all that is kept is no more than this. */
  readonly bytesMax: number;
}

/** What goes as a whole: the cache of a tool, or one file. */
interface Kept {
  readonly cache: string;
  readonly path: string;
  readonly usedMs: number;
  readonly bytes: number;
}

/** No cache: where one is while it is removed. Beside them, so that it is on their disk. */
const REMOVED = ".removed";
/** The one cache whose files are ours, each by its checksum. Tools know alone what theirs hold. */
export const MANIFEST_FILES = "manifest-files";

/**
 * What builds have fetched, a directory for each tool, which all builds share. When a cache was
 * last used is the time of its directory, so that it is known after a restart.
 */
export class BuildCaches {
  readonly #clock: Clock;
  readonly #path: string;
  readonly #aside: string;
  /** The builds that are at work with a cache, by its name. */
  readonly #users = new Map<string, Set<string>>();
  /** How much the caches of tools held: nothing of that changes between two uses. */
  readonly #sizes = new Map<string, Pick<Kept, "usedMs" | "bytes">>();

  constructor({ home, clock }: BuildCachesOptions) {
    this.#clock = clock;
    this.#path = join(home, "cache");
    this.#aside = join(this.#path, REMOVED);
  }

  /** The directory of a cache, which stays until this build has released it. */
  use(name: string, build: string): string {
    const path = join(this.#path, name);
    mkdirSync(path, { recursive: true });
    touch(path, this.#clock);
    const users = this.#users.get(name) ?? new Set();
    this.#users.set(name, users.add(build));
    return path;
  }

  /** Called when nothing of a build runs any more. */
  release(build: string): void {
    for (const [name, users] of this.#users) {
      if (!users.delete(build)) continue;
      touch(join(this.#path, name), this.#clock);
      if (users.size === 0) this.#users.delete(name);
    }
  }

  /**
   * Removes what is over the limits, oldest first, and answers with its bytes. What a build is at
   * work with stays for the next time.
   */
  async collect({ idleMs, bytesMax }: CacheLimits): Promise<number> {
    // A crash may have come in the middle.
    await removeSlowly(this.#aside);
    const kept = await this.#list();
    const idleBefore = this.#clock.now() - idleMs;
    let bytes = kept.reduce((sum, it) => sum + it.bytes, 0);
    let freed = 0;
    for (const it of kept) {
      if (it.usedMs >= idleBefore && bytes <= bytesMax) break;
      if (!this.#putAside(it)) continue;
      await removeSlowly(this.#aside);
      bytes -= it.bytes;
      freed += it.bytes;
    }
    return freed;
  }

  /** In one step, so that a build that begins finds a cache whole or not at all. */
  #putAside({ cache, path, usedMs }: Kept): boolean {
    if (this.#users.has(cache) || lastUse(path) !== usedMs) return false;
    renameSync(path, this.#aside);
    return true;
  }

  /** All that could be removed, what was used longest ago first. */
  async #list(): Promise<readonly Kept[]> {
    const kept: Kept[] = [];
    for (const cache of await namesIn(this.#path)) {
      const path = join(this.#path, cache);
      if (cache === REMOVED) continue;
      if (cache !== MANIFEST_FILES) kept.push(...(await this.#measured(cache, path)));
      else for (const file of await namesIn(path)) kept.push(...(await keptAt(cache, path, file)));
    }
    return kept.toSorted((one, other) => one.usedMs - other.usedMs);
  }

  async #measured(cache: string, path: string): Promise<readonly Kept[]> {
    const usedMs = lastUse(path);
    if (usedMs === undefined) return [];
    const known = this.#sizes.get(cache);
    if (known?.usedMs === usedMs && !this.#users.has(cache)) return [{ cache, path, ...known }];
    const size = { usedMs, bytes: await bytesBelow(path) };
    const isSettled = !this.#users.has(cache) && lastUse(path) === usedMs;
    if (isSettled) this.#sizes.set(cache, size);
    return [{ cache, path, ...size }];
  }
}

/** Notes that a file or directory is used now; answers whether it is there. */
export function touch(path: string, clock: Clock): boolean {
  const seconds = clock.now() / 1000;
  try {
    utimesSync(path, seconds, seconds);
    return true;
  } catch (thrown) {
    if (!isMissing(thrown)) throw thrown;
    return false;
  }
}

function lastUse(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

async function keptAt(cache: string, directory: string, name: string): Promise<readonly Kept[]> {
  const path = join(directory, name);
  const stat = await ifThere(lstat(path));
  return stat === undefined ? [] : [{ cache, path, usedMs: stat.mtimeMs, bytes: stat.size }];
}

/** Of all files in a tree, of which some may go meanwhile. */
async function bytesBelow(path: string): Promise<number> {
  const stat = await ifThere(lstat(path));
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.size;
  let bytes = 0;
  for (const name of await namesIn(path)) bytes += await bytesBelow(join(path, name));
  return bytes;
}

/** A directory at a time: removing a large tree at once would hold all else up. */
async function removeSlowly(path: string): Promise<void> {
  // Whatever cannot be read is for `removeTree` to unlock, or to tell of.
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const it of entries) if (it.isDirectory()) await removeSlowly(join(path, it.name));
  await removeTree(path);
}

async function namesIn(path: string): Promise<readonly string[]> {
  return (await ifThere(readdir(path))) ?? [];
}

async function ifThere<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (thrown) {
    if (!isMissing(thrown)) throw thrown;
    return undefined;
  }
}
