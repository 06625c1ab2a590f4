import { existsSync, mkdirSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Digest, ImageStore, RunConfig } from "../../oci/oci.ts";
import { NotStarted } from "../not_started.ts";
import { type Machine, whyUnfit } from "./fitness.ts";

/** An image whose files are in a directory. */
export interface LaidOut {
  readonly tree: string;
  readonly config: RunConfig;
}

export interface LaidOutImagesOptions {
  readonly directory: string;
  readonly images: ImageStore;
  readonly machine: Machine;
}

/** Images laid out as files, each once. Whoever runs them writes elsewhere. */
export class LaidOutImages {
  readonly #options: LaidOutImagesOptions;
  readonly #images = new Map<Digest, Promise<LaidOut>>();

  constructor(options: LaidOutImagesOptions) {
    this.#options = options;
  }

  start(): void {
    // Others than its owner may pass: instances can have users of their own.
    mkdirSync(this.#options.directory, { recursive: true, mode: 0o711 });
  }

  /** Why an image cannot run here, or nothing. Throws `OciError` when it is not in the store. */
  async whyNot(digest: Digest): Promise<string | undefined> {
    const { config } = await this.#options.images.image(digest);
    return whyUnfit(config, this.#options.machine);
  }

  /** Lays an image out unless it is. Throws `NotStarted` when it cannot run here. */
  get(digest: Digest): Promise<LaidOut> {
    const known = this.#images.get(digest);
    if (known !== undefined) return known;
    const image = this.#layOut(digest);
    this.#images.set(digest, image);
    // What failed may work the next time.
    image.catch(() => this.#images.delete(digest));
    return image;
  }

  /** Removes the files of images that are not kept. */
  async collect(kept: ReadonlySet<Digest>): Promise<void> {
    const { directory } = this.#options;
    for (const name of await readdir(directory)) {
      const digest = name.replace("-", ":") as Digest;
      // What is being laid out has another name until it is whole.
      if (kept.has(digest) || !/^sha256:[0-9a-f]{64}$/.test(digest)) continue;
      this.#images.delete(digest);
      const aside = join(directory, `${name}.gone`);
      await rename(join(directory, name), aside);
      await rm(aside, { recursive: true, force: true });
    }
  }

  async #layOut(digest: Digest): Promise<LaidOut> {
    const { directory, images, machine } = this.#options;
    const { config } = await images.image(digest);
    const refusal = whyUnfit(config, machine);
    if (refusal !== undefined) throw new NotStarted(`image ${digest} cannot run here: ${refusal}`);
    const tree = join(directory, digest.replace(":", "-"));
    if (!existsSync(tree)) await images.unpack(digest, tree);
    return { tree, config: config.config ?? {} };
  }
}
