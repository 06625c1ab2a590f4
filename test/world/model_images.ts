import { Readable } from "node:stream";
import {
  type Descriptor,
  type Digest,
  type Image,
  type ImageStore,
  OciError,
  type PullOptions,
  type Registry,
} from "../../src/oci/oci.ts";

/** The simplest image store and registry: names that mean digests, and nothing behind them. */
export class ModelImages implements ImageStore, Registry {
  /** What the registry answers for a name; else it has every name that does not say "invalid". */
  readonly remote = new Map<string, Digest | OciError>();
  /** Whom it lets fetch a name: everybody when left out. */
  readonly passwords = new Map<string, string>();
  /** How often it was asked. */
  pulls = 0;
  readonly #names = new Map<string, Digest>();
  readonly #here = new Set<Digest>();

  async start(): Promise<void> {}

  async push(digest: Digest, name: string): Promise<void> {
    await this.tag(name, digest);
  }

  async pull(name: string, { credentials }: PullOptions = {}): Promise<Digest> {
    this.pulls += 1;
    const password = this.passwords.get(name);
    if (password !== undefined && credentials?.password !== password) {
      throw new OciError("UNAUTHORIZED", "authentication required");
    }
    const unknown = new OciError("MANIFEST_UNKNOWN", "manifest unknown");
    const found = this.remote.get(name) ?? (name.includes("invalid") ? unknown : digestOf(name));
    if (found instanceof OciError) throw found;
    this.add(found);
    await this.tag(name, found);
    return found;
  }

  /** Brings an image here, as a build does. */
  add(digest: Digest): void {
    this.#here.add(digest);
  }

  /** Loses an image. */
  lose(digest: Digest): void {
    this.#here.delete(digest);
    for (const [name, it] of this.#names) if (it === digest) this.#names.delete(name);
  }

  async tag(name: string, digest: Digest): Promise<void> {
    this.#names.set(name, digest);
  }

  async resolve(name: string): Promise<Digest | undefined> {
    const [digest] = (/sha256:[0-9a-f]{64}$/.exec(name) ?? []) as Digest[];
    if (digest !== undefined) return this.#here.has(digest) ? digest : undefined;
    return this.#names.get(name);
  }

  async putBlob(): Promise<Descriptor> {
    throw new OciError("UNSUPPORTED", "there are no blobs in this world");
  }

  async putImage(): Promise<Image> {
    throw new OciError("UNSUPPORTED", "there are no images in this world");
  }

  async image(digest: Digest): Promise<Image> {
    if (!this.#here.has(digest)) throw new OciError("MANIFEST_UNKNOWN", `no image ${digest}`);
    const descriptor = { mediaType: "", digest, size: 0 };
    const manifest = { schemaVersion: 2, mediaType: "", config: descriptor, layers: [] } as const;
    const config = { architecture: "", os: "", rootfs: { type: "layers", diff_ids: [] } } as const;
    return { digest, manifest, config };
  }

  async blobBytes(): Promise<undefined> {
    return undefined;
  }

  async readBlob(): Promise<Readable> {
    return Readable.from([]);
  }

  async unpack(): Promise<void> {}

  async collect(): Promise<number> {
    return 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A digest that tells the name apart from others. */
export function digestOf(name: string): Digest {
  const hex = Buffer.from(name).toString("hex");
  return `sha256:${hex.padEnd(64, "0").slice(-64)}`;
}
