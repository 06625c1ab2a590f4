import { createHash } from "node:crypto";
import { posix } from "node:path";
import { type ArchiveEntry, readTar } from "../base/archive.ts";
import { decompressed, peeked } from "../base/decompress.ts";
import { SafeTree, type TreeLimits } from "../base/safe_tree.ts";
import { isLayerType } from "./media_type.ts";
import { type Digest, type Image, type ImageStore, OciError } from "./oci.ts";

/** What an image may hold at most: far above real ones, and below what fills a disk unnoticed. */
const IMAGE_LIMITS: TreeLimits = {
  bytesMax: 32 * 1024 ** 3,
  entriesMax: 2_000_000,
  pathBytesMax: 4096,
};

/** What marks, in a layer, that a file of the layers below is gone. */
const WHITEOUT = ".wh.";
/** What marks that all of a directory is gone as the layers below have it. */
const OPAQUE = ".wh..wh..opq";

/** Lays the layers of an image over one another, in an empty directory. */
export async function applyLayers(
  { manifest, config }: Image,
  root: string,
  images: Pick<ImageStore, "readBlob">,
): Promise<void> {
  const tree = new SafeTree({ root, limits: IMAGE_LIMITS, links: "follow" });
  for (const [index, { digest, mediaType }] of manifest.layers.entries()) {
    if (!isLayerType(mediaType)) {
      const why = `its type is "${mediaType}", which is no archive of files`;
      throw new OciError("MANIFEST_INVALID", `the layer ${digest} cannot be unpacked: ${why}`);
    }
    const hash = createHash("sha256");
    await applyLayer(hashed(await images.readBlob(digest), hash), tree);
    const found: Digest = `sha256:${hash.digest("hex")}`;
    const expected = config.rootfs.diff_ids[index];
    if (found === expected) continue;
    const why = `unpacked it is ${found}, and the image says ${expected ?? "nothing of it"}`;
    throw new OciError("MANIFEST_INVALID", `the layer ${digest} is not of this image: ${why}`);
  }

  async function* hashed(blob: AsyncIterable<Uint8Array>, hash: { update(c: Uint8Array): void }) {
    for await (const chunk of decompressed(await peeked(blob))) {
      hash.update(chunk);
      yield chunk;
    }
  }
}

async function applyLayer(content: AsyncIterable<Uint8Array>, tree: SafeTree): Promise<void> {
  const own = new OwnPaths();
  for await (const entry of readTar(content)) {
    const name = posix.basename(entry.path);
    if (name.startsWith(WHITEOUT)) await applyWhiteout(entry, name, { tree, own });
    else own.add(await tree.put(entry));
  }
}

interface Applying {
  readonly tree: SafeTree;
  readonly own: OwnPaths;
}

async function applyWhiteout(
  { path }: ArchiveEntry,
  mark: string,
  { tree, own }: Applying,
): Promise<void> {
  const directory = posix.dirname(path);
  const keeps = (at: string) => own.has(at);
  if (mark === OPAQUE) return await tree.remove(directory, { keeps });
  const name = mark.slice(WHITEOUT.length);
  // The storage drivers of old left more marks of theirs, which say nothing about files.
  if (name.startsWith(WHITEOUT)) return;
  if (["", ".", ".."].includes(name)) {
    throw new OciError("MANIFEST_INVALID", `the whiteout "${path}" names nothing`);
  }
  await tree.remove(directory, { name, keeps });
}

/** What a layer has brought itself: its whiteouts are about the layers below only. */
class OwnPaths {
  readonly #paths = new Set<string>();

  add(path: string | undefined): void {
    let at = path ?? ".";
    while (at !== "." && !this.#paths.has(at)) {
      this.#paths.add(at);
      at = posix.dirname(at);
    }
  }

  /** Whether it has brought this, or something under it. */
  has(path: string): boolean {
    return this.#paths.has(path);
  }
}
