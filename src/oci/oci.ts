import type { Readable } from "node:stream";

/** "sha256:" and 64 hexadecimal digits: the one identity of content. */
export type Digest = `sha256:${string}`;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/** What an image says about running it: the `config` of the OCI image configuration. */
export interface RunConfig {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  /** `NAME=value`. */
  readonly Env?: readonly string[];
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly StopSignal?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** The OCI image configuration. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly created?: string;
  readonly config?: RunConfig;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly Digest[] };
  readonly history?: readonly object[];
}

/** The OCI image manifest. */
export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Image {
  /** Of the manifest: what "an image's digest" means everywhere. */
  readonly digest: Digest;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

/** What went wrong, in the distribution API's words as far as it has them. */
export type OciReason =
  | "BLOB_UNKNOWN"
  | "MANIFEST_UNKNOWN"
  | "MANIFEST_INVALID"
  | "NAME_INVALID"
  | "DIGEST_INVALID"
  | "UNAUTHORIZED"
  | "DENIED"
  | "UNSUPPORTED"
  | "UNAVAILABLE"
  | "NO_SPACE";

/** A failure about images that a caller can expect. The message names the image or the blob. */
export class OciError extends Error {
  override readonly name = "OciError";
  readonly reason: OciReason;

  constructor(reason: OciReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/**
 * Blobs by digest, images by digest, and names for images. Content is checked against its digest
 * on the way in, so what can be read is whole. Everything may be called at once and again.
 */
export interface ImageStore extends AsyncDisposable {
  start(): Promise<void>;
  /**
   * Stores what `content` yields. Throws `DIGEST_INVALID` when it is not what `expected` says and
   * `NO_SPACE` when the disk is full; then nothing of it is kept.
   */
  putBlob(content: AsyncIterable<Uint8Array>, expected?: Digest): Promise<Descriptor>;
  /** How many bytes a blob has, or nothing when it is not here. */
  blobBytes(digest: Digest): Promise<number | undefined>;
  /** Throws `BLOB_UNKNOWN`. */
  readBlob(digest: Digest): Promise<Readable>;
  /** Stores a manifest whose blobs are here; throws `MANIFEST_INVALID` when one is missing. */
  putImage(manifest: Manifest): Promise<Image>;
  /** Throws `MANIFEST_UNKNOWN`. */
  image(digest: Digest): Promise<Image>;
  /** Makes a name (`host/repository:tag`) mean an image from now on. */
  tag(name: string, digest: Digest): Promise<void>;
  /** What a name means here, or nothing. One with a digest means that, when all of it is here. */
  resolve(name: string): Promise<Digest | undefined>;
  /**
   * Lays an image's files out in `directory`, which must not exist: layers in order, whiteouts
   * applied, nothing outside of it touched. Whole or not at all.
   */
  unpack(digest: Digest, directory: string): Promise<void>;
  /**
   * Removes blobs that are no part of a kept or a named image and none of `kept` themselves, and
   * that nobody has stored or asked for within `idleMs`. What goes on beside it finds a blob
   * whole or not at all. Answers with how many bytes that was.
   */
  collect(kept: ReadonlySet<Digest>, idleMs: number): Promise<number>;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface PullOptions {
  readonly credentials?: Credentials;
  readonly signal?: AbortSignal;
}

/** Images of other registries. */
export interface Registry {
  /**
   * Fetches an image into the local store and answers with its digest; what is here already is
   * not fetched again. Throws `OciError`.
   */
  pull(name: string, options?: PullOptions): Promise<Digest>;
  /**
   * Sends an image of the local store to where its name says, and gives it that tag. What is
   * there already is not sent again. Throws `OciError`.
   */
  push(digest: Digest, name: string, options?: PullOptions): Promise<void>;
}
