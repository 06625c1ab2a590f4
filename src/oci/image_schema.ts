import { type Schema, t } from "../base/schema.ts";
import { type Problem, read } from "../base/schema_reading.ts";
import { type Digest, type ImageConfig, type Manifest, OciError, type OciReason } from "./oci.ts";

const digest = t.String({ pattern: "^sha256:[0-9a-f]{64}$" });
const strings = t.Array(t.String());
const texts = t.MapOf(t.String());

const descriptor = t.Object({
  mediaType: t.String(),
  digest,
  size: t.Integer({ minimum: 0 }),
});

const manifest = t.Object({
  schemaVersion: t.Literal(2),
  mediaType: t.Optional(t.String()),
  config: descriptor,
  layers: t.Array(descriptor),
  annotations: t.Optional(texts),
});

const config = t.Object({
  architecture: t.String(),
  os: t.String(),
  created: t.Optional(t.String()),
  config: t.Optional(
    t.Object({
      Entrypoint: t.Optional(strings),
      Cmd: t.Optional(strings),
      Env: t.Optional(strings),
      WorkingDir: t.Optional(t.String()),
      User: t.Optional(t.String()),
      StopSignal: t.Optional(t.String()),
      ExposedPorts: t.Optional(t.MapOf(t.Open())),
      Labels: t.Optional(texts),
    }),
  ),
  rootfs: t.Object({ type: t.Literal("layers"), diff_ids: t.Array(digest) }),
  history: t.Optional(t.Array(t.Open())),
});

const index = t.Object({
  schemaVersion: t.Literal(2),
  mediaType: t.Optional(t.String()),
  manifests: t.Array(
    t.Object({
      mediaType: t.String(),
      digest,
      size: t.Integer({ minimum: 0 }),
      platform: t.Optional(
        t.Object({ os: t.String(), architecture: t.String(), variant: t.Optional(t.String()) }),
      ),
      annotations: t.Optional(texts),
    }),
  ),
});

/** A choice of manifests. */
export interface Index {
  readonly manifests: readonly IndexEntry[];
}

export interface IndexEntry {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: {
    readonly os: string;
    readonly architecture: string;
    readonly variant?: string;
  };
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Reading {
  /** What is read, for a message: "the manifest sha256:…". */
  readonly what: string;
  readonly reason: OciReason;
}

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";

/** Reads a manifest. Throws an `OciError` that says what is wrong with it. */
export function readManifest(text: string, reading: Reading): Manifest {
  const value = readAs(manifest, text, reading) as Manifest;
  return { ...value, mediaType: value.mediaType ?? OCI_MANIFEST };
}

/** Reads an image configuration, as `readManifest` does. */
export function readConfig(text: string, reading: Reading): ImageConfig {
  return readAs(config, text, reading) as ImageConfig;
}

/** Reads an index, as `readManifest` does. */
export function readIndex(text: string, reading: Reading): Index {
  return readAs(index, text, reading) as Index;
}

function readAs(schema: Schema, text: string, { what, reason }: Reading): unknown {
  const { value, problems } = read(schema, parsed(text));
  if (problems.length === 0) return value;
  throw new OciError(reason, `${what} cannot be used: ${problems.map(told).join("; ")}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function told({ path, message }: Problem): string {
  return path === "" ? `it ${message}` : `${path} ${message}`;
}
