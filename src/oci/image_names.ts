import { readFile } from "node:fs/promises";
import { isMissing, replaceFile } from "../base/durable_file.ts";
import { type Index, readIndex } from "./image_schema.ts";
import type { Descriptor, Digest } from "./oci.ts";

const NAME = "org.opencontainers.image.ref.name";
const INDEX = "application/vnd.oci.image.index.v1+json";

type Names = ReadonlyMap<string, Descriptor>;

/** What names of images mean, kept in the index of an image layout. */
export class ImageNames {
  readonly #path: string;
  /** As it stands in the file. */
  #names: Names = new Map();
  #waiting = new Map<string, Descriptor>();
  #stale = new Set<string>();
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async start(): Promise<void> {
    const text = await readFile(this.#path, "utf8").catch((thrown: unknown) => {
      if (isMissing(thrown)) return undefined;
      throw thrown;
    });
    if (text === undefined) return await replaceFile(this.#path, indexOf(new Map()));
    const what = `the index of images "${this.#path}"`;
    const index = readIndex(text, { what, reason: "UNAVAILABLE" });
    this.#names = new Map(index.manifests.flatMap(named));
  }

  /** All that somebody has named. A name with a digest is a note of ours, and holds nothing. */
  get digests(): readonly Digest[] {
    const named = [...this.#names, ...this.#waiting].filter(([name]) => !name.includes("@"));
    return named.map(([, { digest }]) => digest);
  }

  get(name: string): Digest | undefined {
    return this.#names.get(name)?.digest;
  }

  /** Resolves once it is on the disk, and then holds. Throws when it cannot be written. */
  async put(name: string, descriptor: Descriptor): Promise<void> {
    this.#waiting.set(name, descriptor);
    // One write is under way at most. All that come meanwhile go together in the one after it.
    this.#next ??= this.#writeAfter(this.#writing);
    await this.#next;
  }

  /** Drops notes about images that have gone. What somebody has named has not. */
  async forget(gone: ReadonlySet<Digest>): Promise<void> {
    const isStale = (name: string, digest: Digest) => name.includes("@") && gone.has(digest);
    const stale = [...this.#names].filter(([name, { digest }]) => isStale(name, digest));
    if (stale.length === 0) return;
    for (const [name] of stale) this.#stale.add(name);
    this.#next ??= this.#writeAfter(this.#writing);
    await this.#next;
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#next]);
  }

  async #writeAfter(last: Promise<void>): Promise<void> {
    await last.catch(() => {});
    this.#writing = this.#write();
    this.#next = undefined;
    await this.#writing;
  }

  async #write(): Promise<void> {
    // What was named anew meanwhile is not stale any more.
    const fresh = [...this.#names].filter(([name]) => !this.#stale.has(name));
    const names: Names = new Map([...fresh, ...this.#waiting]);
    this.#waiting = new Map();
    this.#stale = new Set();
    await replaceFile(this.#path, indexOf(names));
    this.#names = names;
  }
}

function named({ mediaType, digest, size, annotations }: Index["manifests"][number]) {
  const name = annotations?.[NAME];
  return name === undefined ? [] : [[name, { mediaType, digest, size }] as const];
}

function indexOf(names: Names): string {
  const manifests = [...names].map(([name, descriptor]) => {
    return { ...descriptor, annotations: { [NAME]: name } };
  });
  return JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests });
}
