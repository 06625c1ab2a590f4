import { createHash } from "node:crypto";
import { renameSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { type Clock, systemClock } from "../base/clock.ts";
import { isDiskFull, isMissing, syncDirectory, writeAll } from "../base/durable_file.ts";
import { ImageNames } from "./image_names.ts";
import { readConfig, readManifest } from "./image_schema.ts";
import {
  type Descriptor,
  type Digest,
  type Image,
  type ImageStore,
  type Manifest,
  OciError,
} from "./oci.ts";
import { isDigest, readReference, writeReference } from "./reference.ts";
import { Unpacking } from "./unpacking.ts";

export interface DiskImageStoreOptions {
  /** The directory that is the image layout. It is made when it is missing. */
  readonly home: string;
  readonly clock?: Clock;
}

const LAYOUT = { imageLayoutVersion: "1.0.0" };
const JSON_BYTES_MAX = 8 * 1024 * 1024;
const IMAGES_KEPT_MAX = 1000;
const BLOB = "application/octet-stream";

/**
 * Images in an OCI image layout: a directory that other tools can read as well. A blob has its
 * name only once all of it is on the disk, so a crash leaves whole blobs or none.
 */
export class DiskImageStore implements ImageStore {
  readonly #home: string;
  readonly #clock: Clock;
  readonly #names: ImageNames;
  readonly #unpacking: Unpacking;
  /** Images never change, so what was read once need not be read again. */
  readonly #images = new Map<Digest, Image>();
  /** When a blob was last asked for in this life: what somebody is at work with stays. */
  readonly #usedAt = new Map<Digest, number>();
  #writes = 0;

  constructor({ home, clock = systemClock }: DiskImageStoreOptions) {
    this.#home = resolve(home);
    this.#clock = clock;
    this.#names = new ImageNames(join(this.#home, "index.json"));
    this.#unpacking = new Unpacking(this);
  }

  async start(): Promise<void> {
    // What a crash left half written.
    await rm(this.#at("tmp"), { recursive: true, force: true });
    await mkdir(this.#at("tmp"), { recursive: true });
    await mkdir(this.#at("blobs/sha256"), { recursive: true });
    await writeFile(this.#at("oci-layout"), JSON.stringify(LAYOUT));
    await this.#names.start();
  }

  async putBlob(content: AsyncIterable<Uint8Array>, expected?: Digest): Promise<Descriptor> {
    this.#writes += 1;
    const aside = this.#at(`tmp/${this.#writes}`);
    try {
      const { digest, size } = await write(content, aside);
      if (expected !== undefined && digest !== expected) {
        const why = `what came is ${digest}, ${size} bytes`;
        throw new OciError("DIGEST_INVALID", `Cannot store blob ${expected}: ${why}`);
      }
      this.#use(digest);
      await rename(aside, this.#blob(digest));
      await syncDirectory(this.#at("blobs/sha256"));
      return { mediaType: BLOB, digest, size };
    } catch (thrown) {
      await rm(aside, { force: true });
      if (!isDiskFull(thrown)) throw thrown;
      const what = expected === undefined ? "a blob" : `blob ${expected}`;
      throw noSpace(`Cannot store ${what}`, this.#home, thrown);
    }
  }

  async blobBytes(digest: Digest): Promise<number | undefined> {
    this.#use(digest);
    return await this.#bytes(digest);
  }

  async #bytes(digest: Digest): Promise<number | undefined> {
    try {
      return (await stat(this.#blob(digest))).size;
    } catch (thrown) {
      if (isMissing(thrown)) return undefined;
      throw thrown;
    }
  }

  async readBlob(digest: Digest): Promise<Readable> {
    this.#use(digest);
    try {
      const file = await open(this.#blob(digest), "r");
      return file.createReadStream({ highWaterMark: 256 * 1024 });
    } catch (thrown) {
      if (!isMissing(thrown)) throw thrown;
      throw new OciError("BLOB_UNKNOWN", `Cannot read blob ${digest}: it is not here`);
    }
  }

  async putImage(manifest: Manifest): Promise<Image> {
    for (const { digest, size } of [manifest.config, ...manifest.layers]) {
      const bytes = await this.blobBytes(digest);
      if (bytes === size) continue;
      const found = bytes === undefined ? "is not here" : `has ${bytes} bytes, not ${size}`;
      throw new OciError("MANIFEST_INVALID", `Cannot store an image: its blob ${digest} ${found}`);
    }
    const text = JSON.stringify(manifest);
    // Before it is stored, so that what cannot be read is not kept.
    readManifest(text, { what: "Cannot store an image: its manifest", reason: "MANIFEST_INVALID" });
    await this.#config(manifest.config.digest);
    const { digest } = await this.putBlob(chunksOf(text));
    return await this.image(digest);
  }

  async image(digest: Digest): Promise<Image> {
    this.#use(digest);
    const image = await this.#image(digest);
    for (const part of partsOf(image)) this.#use(part.digest);
    return image;
  }

  async tag(name: string, digest: Digest): Promise<void> {
    const reference = writeReference(readReference(name));
    const { manifest } = await this.image(digest);
    const size = (await this.blobBytes(digest)) ?? 0;
    try {
      await this.#names.put(reference, { mediaType: manifest.mediaType, digest, size });
    } catch (thrown) {
      if (!isDiskFull(thrown)) throw thrown;
      throw noSpace(`Cannot name an image "${name}"`, this.#home, thrown);
    }
  }

  async resolve(name: string): Promise<Digest | undefined> {
    const reference = readReference(name);
    const named = this.#names.get(writeReference(reference)) ?? reference.digest;
    if (named === undefined || reference.digest === undefined) return named;
    return (await this.#isWhole(named)) ? named : undefined;
  }

  async unpack(digest: Digest, directory: string): Promise<void> {
    await this.#unpacking.unpack(digest, resolve(directory));
  }

  async collect(kept: ReadonlySet<Digest>, idleMs: number): Promise<number> {
    const needed = await this.#needed([...kept, ...this.#names.digests]);
    const storedBefore = this.#clock.now() - idleMs;
    const usedBefore = this.#clock.elapsed() - idleMs;
    const gone = new Set<Digest>();
    let freed = 0;
    for (const name of await readdir(this.#at("blobs/sha256"))) {
      const digest: Digest = `sha256:${name}`;
      if (needed.has(digest)) continue;
      const { size, mtimeMs } = await stat(this.#blob(digest));
      // Whoever asks for it from here on finds it gone, and whoever has asked before keeps it.
      if (mtimeMs > storedBefore || (this.#usedAt.get(digest) ?? -Infinity) > usedBefore) continue;
      await this.#remove(digest);
      gone.add(digest);
      freed += size;
    }
    for (const [digest, at] of this.#usedAt) if (at <= usedBefore) this.#usedAt.delete(digest);
    await this.#names.forget(gone);
    return freed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#unpacking.settled();
    await this.#names.settled();
  }

  /** Takes the name away at once, whatever is under way, and the bytes when there is time. */
  async #remove(digest: Digest): Promise<void> {
    this.#writes += 1;
    const aside = this.#at(`tmp/${this.#writes}`);
    renameSync(this.#blob(digest), aside);
    this.#images.delete(digest);
    await rm(aside);
  }

  #use(digest: Digest): void {
    this.#usedAt.set(digest, this.#clock.elapsed());
  }

  async #image(digest: Digest): Promise<Image> {
    const known = this.#images.get(digest);
    if (known !== undefined) return known;
    if ((await this.#bytes(digest)) === undefined) {
      throw new OciError("MANIFEST_UNKNOWN", `Cannot find image ${digest}: it is not here`);
    }
    const what = `Cannot find image ${digest}: the blob`;
    const text = await this.#text(digest);
    const manifest = readManifest(text, { what, reason: "MANIFEST_UNKNOWN" });
    const image = { digest, manifest, config: await this.#config(manifest.config.digest) };
    this.#keep(image);
    return image;
  }

  /** Whether an image is here with all of its parts: a crash may have come between two of them. */
  async #isWhole(digest: Digest): Promise<boolean> {
    try {
      for (const part of partsOf(await this.image(digest))) {
        if ((await this.blobBytes(part.digest)) !== part.size) return false;
      }
      return (await this.blobBytes(digest)) !== undefined;
    } catch (thrown) {
      if (thrown instanceof OciError || isMissing(thrown)) return false;
      throw thrown;
    }
  }

  /** These digests, and what those of them that are images consist of. */
  async #needed(digests: readonly Digest[]): Promise<ReadonlySet<Digest>> {
    const needed = new Set(digests);
    for (const digest of digests) {
      try {
        for (const part of partsOf(await this.#image(digest))) needed.add(part.digest);
      } catch (thrown) {
        // A source, or what is not here any more: it has no parts.
        if (!(thrown instanceof OciError || isMissing(thrown))) throw thrown;
      }
    }
    return needed;
  }

  async #config(digest: Digest) {
    const what = `the image configuration ${digest}`;
    return readConfig(await this.#text(digest), { what, reason: "MANIFEST_INVALID" });
  }

  async #text(digest: Digest): Promise<string> {
    const bytes = (await this.#bytes(digest)) ?? 0;
    if (bytes > JSON_BYTES_MAX) {
      const why = `it has ${bytes} bytes, and may have ${JSON_BYTES_MAX}`;
      throw new OciError("MANIFEST_INVALID", `Cannot read ${digest} as a part of an image: ${why}`);
    }
    return await readFile(this.#blob(digest), "utf8");
  }

  #keep(image: Image): void {
    const [oldest] = this.#images.keys();
    if (this.#images.size >= IMAGES_KEPT_MAX && oldest !== undefined) this.#images.delete(oldest);
    this.#images.set(image.digest, image);
  }

  #blob(digest: Digest): string {
    if (!isDigest(digest)) throw new OciError("DIGEST_INVALID", `"${digest}" is no digest`);
    return this.#at(`blobs/sha256/${digest.slice("sha256:".length)}`);
  }

  #at(path: string): string {
    return join(this.#home, path);
  }
}

/** Writes a blob, whole and on the disk when it returns, under a name that is not yet its own. */
async function write(content: AsyncIterable<Uint8Array>, path: string) {
  const hash = createHash("sha256");
  let size = 0;
  await using file = await open(path, "wx");
  for await (const chunk of content) {
    hash.update(chunk);
    size += chunk.length;
    await writeAll(file, chunk);
  }
  await file.sync();
  const digest: Digest = `sha256:${hash.digest("hex")}`;
  return { digest, size };
}

function partsOf({ manifest }: Image): readonly Descriptor[] {
  return [manifest.config, ...manifest.layers];
}

async function* chunksOf(text: string) {
  yield Buffer.from(text);
}

function noSpace(what: string, home: string, cause: unknown): OciError {
  return new OciError("NO_SPACE", `${what}: the disk of "${home}" is full`, { cause });
}
