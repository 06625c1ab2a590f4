import { createHash } from "node:crypto";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { HttpClient, HttpResponse } from "../base/http_client.ts";
import { readIndex, readManifest } from "./image_schema.ts";
import { INDEX_TYPES, MANIFEST_TYPES } from "./media_type.ts";
import {
  type Descriptor,
  type Digest,
  type ImageStore,
  type Manifest,
  OciError,
  type PullOptions,
  type Registry,
} from "./oci.ts";
import { pushImage } from "./push.ts";
import { type Reference, readReference } from "./reference.ts";
import { RegistrySession } from "./registry_session.ts";
import { containerTarget, pickFor, type Target, targetsOf } from "./target.ts";

export interface RemoteRegistryOptions {
  readonly images: ImageStore;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly chance: Chance;
  /** Hosts, with their ports, that may be spoken to without encryption. This machine always may. */
  readonly insecure?: readonly string[];
  /** What to pick where a name means images for several; what this machine runs when left out. */
  readonly target?: Target;
  /** Blobs that one pull fetches at a time. */
  readonly downloadsMax?: number;
  /** Of all blobs of an image together. */
  readonly imageBytesMax?: number;
}

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;
const ACCEPT = [...MANIFEST_TYPES, ...INDEX_TYPES].join(", ");

/** Images of any registry that speaks the distribution API. */
export class RemoteRegistry implements Registry {
  readonly #options: RemoteRegistryOptions;

  constructor(options: RemoteRegistryOptions) {
    this.#options = options;
  }

  async pull(name: string, options: PullOptions = {}): Promise<Digest> {
    const reference = readReference(name);
    try {
      return await this.#pull(name, reference, options);
    } catch (thrown) {
      if (!(thrown instanceof OciError)) throw thrown;
      const message = `Unable to fetch image "${name}": ${thrown.message}`;
      throw new OciError(thrown.reason, message, { cause: thrown });
    }
  }

  async push(digest: Digest, name: string, options: PullOptions = {}): Promise<void> {
    const { images } = this.#options;
    const reference = readReference(name);
    if (reference.digest !== undefined) {
      throw new OciError("NAME_INVALID", `Cannot push to "${name}": give it a tag, not a digest`);
    }
    try {
      const image = await images.image(digest);
      const session = this.#sessionFor(reference, options);
      await pushImage(image, reference.tag ?? "latest", { session, images });
    } catch (thrown) {
      if (!(thrown instanceof OciError)) throw thrown;
      const message = `Unable to push image "${name}": ${thrown.message}`;
      throw new OciError(thrown.reason, message, { cause: thrown });
    }
  }

  #sessionFor(
    reference: Reference,
    { credentials, signal = new AbortController().signal }: PullOptions,
  ): RegistrySession {
    const { http, clock, chance, insecure = [] } = this.#options;
    const isPlainAllowed = (host: string) => LOOPBACK.test(host) || insecure.includes(host);
    const deps = { http, clock, chance, isPlainAllowed };
    return new RegistrySession({ ...deps, reference, credentials, signal });
  }

  async #pull(name: string, reference: Reference, options: PullOptions): Promise<Digest> {
    const { images } = this.#options;
    const { credentials, signal } = options;
    signal?.throwIfAborted();
    if (reference.digest !== undefined) {
      // What a digest means never changes, so nobody needs to be asked again.
      const here = await images.resolve(name);
      if (here !== undefined) return here;
    }
    const ending = new AbortController();
    const session = this.#sessionFor(reference, {
      ...(credentials !== undefined && { credentials }),
      signal: AbortSignal.any([ending.signal, ...(signal === undefined ? [] : [signal])]),
    });
    const found = await this.#findManifest(session, reference);
    await this.#fetchBlobs(session, found.manifest, ending);
    // What was here when a long download began may have been collected since.
    await this.#fetchBlobs(session, found.manifest, ending);
    await images.putBlob(once(found.bytes), found.digest);
    // A tag may mean another image tomorrow: only what a digest means can be remembered.
    if (reference.digest !== undefined) await images.tag(name, found.digest);
    return found.digest;
  }

  /** The manifest of one image, chosen where there are several. */
  async #findManifest(session: RegistrySession, { tag, digest }: Reference): Promise<Found> {
    const { target = containerTarget() } = this.#options;
    const first = await getManifest(session, digest ?? tag ?? "latest", digest);
    if (!first.isIndex) return withManifest(first);
    const reading = { what: `the index ${first.digest}`, reason: "MANIFEST_INVALID" } as const;
    const index = readIndex(first.bytes.toString(), reading);
    const entry = pickFor(index, target);
    if (entry !== undefined) {
      return withManifest(await getManifest(session, entry.digest, entry.digest));
    }
    const wanted = `${target.os}/${target.architecture}`;
    const why = `it has no image for ${wanted}, only for ${targetsOf(index)}`;
    throw new OciError("MANIFEST_UNKNOWN", why);
  }

  async #fetchBlobs(
    session: RegistrySession,
    { config, layers }: Manifest,
    ending: AbortController,
  ): Promise<void> {
    const { downloadsMax = 4, imageBytesMax = 32 * 1024 ** 3 } = this.#options;
    const bytes = layers.reduce((sum, { size }) => sum + size, config.size);
    if (bytes > imageBytesMax) {
      throw new OciError("UNSUPPORTED", `it has ${bytes} bytes, and the limit is ${imageBytesMax}`);
    }
    // The same layer may be in an image twice.
    const blobs = new Map([config, ...layers].map((blob) => [blob.digest, blob]));
    const left = [...blobs.values()].values();
    const download = async () => {
      for (const blob of left) await this.#fetchBlob(session, blob);
    };
    const downloads = Array.from({ length: downloadsMax }, download);
    try {
      await Promise.all(downloads);
    } catch (thrown) {
      // One is missing, so the others are of no use. They have to end before we do.
      ending.abort(thrown);
      await Promise.allSettled(downloads);
      throw thrown;
    }
  }

  async #fetchBlob(session: RegistrySession, { digest, size }: Descriptor): Promise<void> {
    const { images } = this.#options;
    if ((await images.blobBytes(digest)) === size) return;
    const asked = { path: `blobs/${digest}`, accept: "*/*", missing: "BLOB_UNKNOWN" } as const;
    await session.ask({ ...asked, bodyBytesMax: size }, async ({ body }) => {
      await images.putBlob(body, digest);
    });
  }
}

interface Answer {
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly isIndex: boolean;
}

interface Found extends Answer {
  readonly manifest: Manifest;
}

async function getManifest(
  session: RegistrySession,
  which: string,
  expected: Digest | undefined,
): Promise<Answer> {
  const asked = {
    path: `manifests/${which}`,
    accept: ACCEPT,
    missing: "MANIFEST_UNKNOWN",
  } as const;
  const bodyBytesMax = MANIFEST_BYTES_MAX;
  return await session.ask({ ...asked, bodyBytesMax }, async (response) => {
    const bytes = Buffer.concat(await Array.fromAsync(response.body));
    const digest: Digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    if (expected !== undefined && digest !== expected) {
      const why = `${response.url.host} sent ${digest} for ${expected}`;
      throw new OciError("DIGEST_INVALID", `the manifest is not what was asked for: ${why}`);
    }
    return { digest, bytes, isIndex: isIndex(response, bytes) };
  });
}

/** What a manifest says of itself counts more than what it is sent as. */
function isIndex({ headers }: HttpResponse, bytes: Buffer): boolean {
  const [sentAs = ""] = (headers["content-type"] ?? "").split(";");
  const type = typeOf(bytes) ?? sentAs.trim();
  if (INDEX_TYPES.includes(type)) return true;
  if (MANIFEST_TYPES.includes(type) || type.endsWith("json")) return false;
  const why = `its manifest is of the type "${type}"; push it again with a current tool`;
  throw new OciError("UNSUPPORTED", why);
}

function typeOf(bytes: Buffer): string | undefined {
  try {
    const { mediaType, schemaVersion, manifests } = JSON.parse(bytes.toString());
    if (schemaVersion === 1) return "schema 1";
    if (typeof mediaType === "string") return mediaType;
    return Array.isArray(manifests) ? INDEX_TYPES[0] : undefined;
  } catch {
    return undefined;
  }
}

function withManifest(answer: Answer): Found {
  const what = `the manifest ${answer.digest}`;
  const reading = { what, reason: "MANIFEST_INVALID" } as const;
  return { ...answer, manifest: readManifest(answer.bytes.toString(), reading) };
}

async function* once(bytes: Buffer) {
  yield bytes;
}
