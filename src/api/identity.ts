import { createHash } from "node:crypto";
import { CONFIG_MAP, type ConfigMap } from "./config_map.ts";
import { ANNOTATION } from "./labels.ts";
import { childName } from "./name.ts";
import type { RevisionSpec } from "./revision_spec.ts";
import { SECRET, type Secret } from "./secret.ts";
import type { Volume } from "./volume.ts";

/** Something that a Revision takes values from. */
export interface Reference {
  readonly kind: "ConfigMap" | "Secret";
  readonly name: string;
}

/** The same, as it was when the Revision was made; without a digest it was not there. */
export interface KeptReference extends Reference {
  readonly digest?: string;
  /** The copy that belongs to the Revision. */
  readonly snapshot?: string;
}

export interface IdentityParts {
  /** Of the image, by digest. */
  readonly image: string;
  readonly spec: RevisionSpec;
  /** Nothing when it follows what it refers to. */
  readonly references: readonly KeptReference[] | undefined;
}

/** What the Secrets are marked as that Revisions keep. */
export const SNAPSHOT_TYPE = "varve.dev/snapshot";

/** What makes a Revision this one: its image, its configuration, and what that refers to. */
export function identityOf({ image, spec, references }: IdentityParts): string {
  const kept = references?.map(({ kind, name, digest }) => [kind, name, digest ?? "absent"]);
  return digestOf({ image, configuration: spec, references: kept ?? "followed" });
}

/** Of the contents of a ConfigMap or Secret. That of a Secret cannot be guessed at by trying. */
export function contentDigestOf(resource: ConfigMap | Secret): string {
  const { data = {} } = resource;
  const { binaryData = {} } = resource as ConfigMap;
  const salt = resource.metadata.annotations?.[ANNOTATION.snapshotSalt] ?? "";
  return digestOf({ kind: resource.kind, salt, data, binaryData });
}

/** The name of the copy that a Revision keeps. */
export function snapshotNameOf(revision: string, { kind, name }: Reference): string {
  const hash = createHash("sha256").update(`${kind}/${name}`).digest("hex").slice(0, 10);
  return childName(revision, `-${hash}`);
}

export function kindOf({ kind }: Reference) {
  return kind === "Secret" ? SECRET : CONFIG_MAP;
}

/** All ConfigMaps and Secrets that a Revision takes variables or files from, each once. */
export function referencesOf({
  containers = [],
  volumes = [],
}: RevisionSpec): readonly Reference[] {
  const found = new Map<string, Reference>();
  const add = (kind: Reference["kind"], name: string | undefined) => {
    if (name !== undefined) found.set(`${kind}/${name}`, { kind, name });
  };
  for (const { env = [], envFrom = [] } of containers) {
    for (const { valueFrom } of env) {
      add("ConfigMap", valueFrom?.configMapKeyRef?.name);
      add("Secret", valueFrom?.secretKeyRef?.name);
    }
    for (const { configMapRef, secretRef } of envFrom) {
      add("ConfigMap", configMapRef?.name);
      add("Secret", secretRef?.name);
    }
  }
  for (const volume of volumes) addVolume(volume, add);
  return [...found.keys()].sort().flatMap((key) => found.get(key) ?? []);
}

function addVolume(
  { configMap, secret, projected }: Volume,
  add: (kind: Reference["kind"], name: string | undefined) => void,
): void {
  add("ConfigMap", configMap?.name);
  add("Secret", secret?.secretName);
  for (const source of projected?.sources ?? []) {
    add("ConfigMap", source.configMap?.name);
    add("Secret", source.secret?.name);
  }
}

function digestOf(value: unknown): string {
  return `sha256:${createHash("sha256")
    .update(JSON.stringify(sorted(value)))
    .digest("hex")}`;
}

/** The same with all fields in one order, so that equal things have equal texts. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, it]) => it !== undefined);
  const inOrder = entries.sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(inOrder.map(([key, it]) => [key, sorted(it)]));
}
