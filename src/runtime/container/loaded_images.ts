import { isDeepStrictEqual } from "node:util";
import type { Digest, Image, ImageStore } from "../../oci/oci.ts";
import { NotStarted } from "../not_started.ts";
import { type Engine, isStatus } from "./engine.ts";
import { IMAGE, IMAGES } from "./engine_schema.ts";
import { imageArchive } from "./image_archive.ts";

export interface LoadedImagesOptions {
  readonly images: ImageStore;
  /** Tells our images from those of other servers that use the same engine. */
  readonly mark: string;
}

/**
 * Images of our store that the engine has as well, by names that hold their digests. The engine
 * is never told to pull: it has what we have checked, and needs no registry, login or setting.
 */
export class LoadedImages {
  readonly #options: LoadedImagesOptions;
  readonly #loading = new Map<Digest, Promise<string>>();
  /** Those that were there when they were looked at. */
  readonly #seen = new WeakMap<Engine, Set<Digest>>();

  constructor(options: LoadedImagesOptions) {
    this.#options = options;
  }

  /** The name of an image in the engine, once it is there. */
  async get(engine: Engine, digest: Digest): Promise<string> {
    const image = await this.#options.images.image(digest);
    const name = this.#nameOf(digest);
    if (this.#seenIn(engine).has(digest)) return name;
    if (await has(engine, name, image)) {
      this.#seenIn(engine).add(digest);
      return name;
    }
    const known = this.#loading.get(digest);
    if (known !== undefined) return await known;
    const loading = this.#load(engine, image, name);
    this.#loading.set(digest, loading);
    try {
      return await loading;
    } finally {
      this.#loading.delete(digest);
    }
  }

  /** Says that an image has turned out not to be there any more: it is loaded the next time. */
  forget(engine: Engine, digest: Digest): void {
    this.#seenIn(engine).delete(digest);
  }

  /** Removes images from the engine that are not kept. */
  async collect(engine: Engine, kept: ReadonlySet<Digest>): Promise<void> {
    const names = new Set([...kept].map((digest) => this.#nameOf(digest)));
    const filters = JSON.stringify({ reference: [this.#repository] });
    const found = await engine.get("/images/json", IMAGES, { query: { filters } });
    const own = found.flatMap(({ RepoTags = [] }) => RepoTags);
    for (const name of own) {
      if (!name.startsWith(`${this.#repository}:`) || names.has(name)) continue;
      this.forget(engine, `sha256:${name.slice(this.#repository.length + 1)}`);
      try {
        await engine.remove(`/images/${encodeURIComponent(name)}`);
      } catch (thrown) {
        // It is gone, or something that is not ours runs of it.
        if (!isStatus(thrown, 404, 409)) throw thrown;
      }
    }
  }

  #seenIn(engine: Engine): Set<Digest> {
    const seen = this.#seen.get(engine) ?? new Set();
    this.#seen.set(engine, seen);
    return seen;
  }

  get #repository(): string {
    return `varve.local/${this.#options.mark}`;
  }

  #nameOf(digest: Digest): string {
    return `${this.#repository}:${digest.slice("sha256:".length)}`;
  }

  async #load(engine: Engine, image: Image, name: string): Promise<string> {
    const archive = imageArchive(image, name, this.#options.images);
    // What is read ahead of it is told on the way, after the head of the answer.
    const said = await engine.act("/images/load", { query: { quiet: 1 }, archive, limitMs: 0 });
    if (await has(engine, name, image)) return name;
    const error = /"error":"((?:[^"\\]|\\.)*)"/.exec(said)?.[1];
    const why = error === undefined ? "it does not say why" : `it says: ${error}`;
    throw new NotStarted(
      `image ${image.digest} cannot be loaded into the container engine: ${why}`,
    );
  }
}

/** Whether the name means these very layers there: somebody else may have had the name. */
async function has(engine: Engine, name: string, { config }: Image): Promise<boolean> {
  try {
    const { RootFS } = await engine.get(`/images/${encodeURIComponent(name)}/json`, IMAGE);
    return isDeepStrictEqual(RootFS?.Layers ?? [], config.rootfs.diff_ids);
  } catch (thrown) {
    if (isStatus(thrown, 404)) return false;
    throw thrown;
  }
}
