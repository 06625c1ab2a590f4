import type { Readable } from "node:stream";
import { type Digest, type Image, type ImageStore, OciError } from "./oci.ts";
import type { RegistrySession } from "./registry_session.ts";

const ANSWER_BYTES_MAX = 64 * 1024;
const SHARED = { accept: "*/*", bodyBytesMax: ANSWER_BYTES_MAX, missing: "NAME_INVALID" } as const;

/** Sends what an image consists of, as far as the registry lacks it, and then gives it a tag. */
export async function pushImage(
  image: Image,
  tag: string,
  { session, images }: { readonly session: RegistrySession; readonly images: ImageStore },
): Promise<void> {
  const { manifest, digest } = image;
  // The same layer may be in an image twice.
  const blobs = new Map([...manifest.layers, manifest.config].map((it) => [it.digest, it.size]));
  for (const [blob, bytes] of blobs) {
    await pushBlob(blob, bytes, { session, read: () => images.readBlob(blob) });
  }
  const bytes = Buffer.concat(await Array.fromAsync(await images.readBlob(digest)));
  await session.ask(
    {
      ...{ ...SHARED, method: "PUT", path: `manifests/${tag}`, fine: [200, 201] },
      headers: { "content-type": manifest.mediaType },
      body: async () => bytes,
    },
    (response) => response.discard(),
  );
}

interface Pushing {
  readonly session: RegistrySession;
  readonly read: () => Promise<Readable>;
}

async function pushBlob(digest: Digest, bytes: number, { session, read }: Pushing): Promise<void> {
  const head = { ...SHARED, method: "HEAD", path: `blobs/${digest}`, fine: [200, 404] } as const;
  const isThere = await session.ask(head, async (response) => {
    await response.discard();
    return response.status === 200;
  });
  if (isThere) return;
  const start = { ...SHARED, method: "POST", path: "blobs/uploads/", fine: [202] } as const;
  const to = await session.ask(start, async (response) => {
    await response.discard();
    const place = URL.parse(response.headers["location"] ?? "", response.url.href);
    if (place !== null) return place;
    throw new OciError("UNAVAILABLE", `${response.url.host} does not say where a blob is to go`);
  });
  to.searchParams.set("digest", digest);
  await session.ask(
    {
      ...{ ...SHARED, method: "PUT", path: "", url: to, fine: [201, 204] },
      headers: { "content-type": "application/octet-stream", "content-length": String(bytes) },
      body: read,
    },
    (response) => response.discard(),
  );
}
