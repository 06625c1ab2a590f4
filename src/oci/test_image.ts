import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { TAR_END, tarHeads, tarPadding } from "../base/archive.ts";
import type { Descriptor, Digest, ImageConfig, Manifest, RunConfig } from "./oci.ts";

/** A file by its text, `{ link }` or `{ hard }` to another, or a directory by its mode. */
export type TestFile =
  | string
  | { readonly text: string; readonly mode: number }
  | { readonly link: string }
  | { readonly hard: string }
  | { readonly mode: number };
export type TestLayer = Readonly<Record<string, TestFile>>;

/** An image for tests, and all of its blobs by their digests, its manifest among them. */
export interface TestImage {
  readonly digest: Digest;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly blobs: ReadonlyMap<Digest, Buffer>;
}

export interface TestImageOptions {
  readonly layers?: readonly TestLayer[];
  readonly press?: "none" | "gzip" | "zstd";
  readonly config?: RunConfig;
  readonly architecture?: string;
  readonly isDocker?: boolean;
}

const OCI = "application/vnd.oci.image";
const DOCKER = "application/vnd.docker";
const PRESSES = {
  none: (tar: Buffer) => tar,
  gzip: (tar: Buffer) => gzipSync(tar),
  zstd: (tar: Buffer) => zstdCompressSync(tar),
};

/** Makes an image in memory. */
export async function makeTestImage(options: TestImageOptions = {}): Promise<TestImage> {
  const { layers = [{ hello: "world" }], press = "gzip", isDocker = false } = options;
  const blobs = new Map<Digest, Buffer>();
  const add = (mediaType: string, bytes: Buffer): Descriptor => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const tars = await Promise.all(layers.map(tarOf));
  const { config = {}, architecture = "amd64" } = options;
  const rootfs = { type: "layers", diff_ids: tars.map(digestOf) } as const;
  const whole: ImageConfig = { architecture, os: "linux", config, rootfs };
  const text = Buffer.from(JSON.stringify(whole));
  const ending = press === "none" ? "" : `+${press}`;
  const layerType = isDocker
    ? `${DOCKER}.image.rootfs.diff.tar.gzip`
    : `${OCI}.layer.v1.tar${ending}`;
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: isDocker ? `${DOCKER}.distribution.manifest.v2+json` : `${OCI}.manifest.v1+json`,
    config: add(isDocker ? `${DOCKER}.container.image.v1+json` : `${OCI}.config.v1+json`, text),
    layers: tars.map((tar) => add(layerType, PRESSES[press](tar))),
  };
  // As others write manifests: with spaces that must survive, or the digest is lost.
  const { digest } = add(manifest.mediaType, Buffer.from(JSON.stringify(manifest, undefined, 3)));
  return { digest, manifest, config: whole, blobs };
}

/** A tar archive of these files, in this order. */
export async function tarOf(layer: TestLayer): Promise<Buffer> {
  const headOf = await tarHeads();
  const blocks = Object.entries(layer).map(([path, file]) => {
    const plain = { path, mode: 0o644, bytes: 0 };
    if (typeof file === "string") return fileOf(file, plain);
    if ("text" in file) return fileOf(file.text, { ...plain, mode: file.mode });
    if ("link" in file) return headOf({ ...plain, type: "symlink", target: file.link });
    if ("hard" in file) return headOf({ ...plain, type: "hardlink", target: file.hard });
    return headOf({ ...plain, type: "directory", mode: file.mode });
  });
  return Buffer.concat([...blocks, TAR_END]);

  function fileOf(text: string, plain: { readonly path: string; readonly mode: number }): Buffer {
    const bytes = Buffer.from(text);
    const head = headOf({ ...plain, type: "file", bytes: bytes.length });
    return Buffer.concat([head, bytes, tarPadding(bytes.length)]);
  }
}

/** The digest of bytes. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Bytes as a stream, in pieces. */
export async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}
