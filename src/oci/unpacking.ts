import { chmod, lstat, mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ArchiveError } from "../base/archive.ts";
import { isDiskFull, isMissing, syncDirectory, syncTree } from "../base/durable_file.ts";
import { applyLayers } from "./layers.ts";
import { type Digest, type ImageStore, OciError } from "./oci.ts";

interface Job {
  readonly digest: Digest;
  readonly done: Promise<void>;
}

/** Lays images out in directories: each whole or not at all, and each once at a time. */
export class Unpacking {
  readonly #images: Pick<ImageStore, "image" | "readBlob">;
  readonly #jobs = new Map<string, Job>();

  constructor(images: Pick<ImageStore, "image" | "readBlob">) {
    this.#images = images;
  }

  /** Whoever asks for the same image at the same place shares the work with who came first. */
  async unpack(digest: Digest, directory: string): Promise<void> {
    const job = this.#jobs.get(directory);
    if (job === undefined) return await this.#begin(digest, directory);
    if (job.digest === digest) return await job.done;
    throw refused(digest, directory, `image ${job.digest} is being unpacked there`);
  }

  /** Resolves when nothing is being unpacked. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#jobs.values()].map(({ done }) => done));
  }

  #begin(digest: Digest, directory: string): Promise<void> {
    const done = this.#lay(digest, directory).finally(() => this.#jobs.delete(directory));
    this.#jobs.set(directory, { digest, done });
    return done;
  }

  async #lay(digest: Digest, directory: string): Promise<void> {
    const image = await this.#images.image(digest);
    if (await isThere(directory)) throw refused(digest, directory, "it exists");
    // Beside its place, so that one rename puts it there. A crash may have left an older try.
    const aside = join(dirname(directory), `.${basename(directory)}.partial`);
    await rm(aside, { recursive: true, force: true });
    try {
      await mkdir(aside);
      await chmod(aside, 0o755);
      await applyLayers(image, aside, this.#images);
      await syncTree(aside);
      await rename(aside, directory);
      await syncDirectory(dirname(directory));
    } catch (thrown) {
      await rm(aside, { recursive: true, force: true });
      throw failureOf(thrown, digest, directory);
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (thrown) {
    if (isMissing(thrown)) return false;
    throw thrown;
  }
}

function failureOf(thrown: unknown, digest: Digest, directory: string): unknown {
  if (isDiskFull(thrown)) {
    const message = `Cannot unpack image ${digest}: the disk of "${directory}" is full`;
    return new OciError("NO_SPACE", message, { cause: thrown });
  }
  if (!(thrown instanceof ArchiveError)) return thrown;
  const message = `Cannot unpack image ${digest}: ${thrown.message}`;
  return new OciError("MANIFEST_INVALID", message, { cause: thrown });
}

function refused(digest: Digest, directory: string, why: string): OciError {
  return new OciError("UNSUPPORTED", `Cannot unpack image ${digest} into "${directory}": ${why}`);
}
