import { TAR_END, tarHeads, tarPadding } from "../../base/archive.ts";
import { decompressed, peeked } from "../../base/decompress.ts";
import type { Descriptor, Image, ImageStore } from "../../oci/oci.ts";

/**
 * An image as `docker save` writes it, which every engine can load: its configuration, its layers,
 * and a list that says which is which. Layers are as the store has them; all engines read gzip,
 * but some do not read zstd, so that is taken out first.
 */
export async function* imageArchive(
  { manifest, config }: Image,
  name: string,
  images: Pick<ImageStore, "readBlob">,
): AsyncGenerator<Uint8Array> {
  const headOf = await tarHeads();
  const head = (path: string, bytes: number) => headOf({ path, type: "file", mode: 0o644, bytes });
  const file = function* (path: string, content: Buffer) {
    yield head(path, content.length);
    yield content;
    yield tarPadding(content.length);
  };
  const layers = config.rootfs.diff_ids.map((id) => `${id.slice("sha256:".length)}.tar`);
  const list = [{ Config: fileOf(manifest.config), RepoTags: [name], Layers: layers }];
  const bytes = Buffer.concat(await Array.fromAsync(await images.readBlob(manifest.config.digest)));
  yield* file(fileOf(manifest.config), bytes);
  const written = new Set<string>();
  for (const [at, layer] of manifest.layers.entries()) {
    const path = layers[at];
    // The same layer may be in an image twice.
    if (path === undefined || written.has(path)) continue;
    written.add(path);
    const size = isZstd(layer) ? await bytesOf(contentOf(layer, images)) : layer.size;
    yield head(path, size);
    yield* contentOf(layer, images);
    yield tarPadding(size);
  }
  yield* file("manifest.json", Buffer.from(JSON.stringify(list)));
  yield TAR_END;
}

async function* contentOf(layer: Descriptor, images: Pick<ImageStore, "readBlob">) {
  const blob = await images.readBlob(layer.digest);
  yield* isZstd(layer) ? decompressed(await peeked(blob)) : blob;
}

/** A header comes before what it tells the size of, and nobody holds a layer in memory. */
async function bytesOf(content: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of content) bytes += chunk.length;
  return bytes;
}

function isZstd({ mediaType }: Descriptor): boolean {
  return mediaType.endsWith("zstd");
}

function fileOf({ digest }: Descriptor): string {
  return `${digest.slice("sha256:".length)}.json`;
}
