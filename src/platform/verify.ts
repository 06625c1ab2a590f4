import { createHash } from "node:crypto";
import { CONFIG_MAP, type ConfigMap } from "../api/config_map.ts";
import { notFound } from "../api/error.ts";
import { contentDigestOf, identityOf, type KeptReference } from "../api/identity.ts";
import { ANNOTATION } from "../api/labels.ts";
import type { ObjectKey } from "../api/meta.ts";
import { REVISION, type Revision } from "../api/revision.ts";
import { SECRET, type Secret } from "../api/secret.ts";
import type { Cache } from "../client/client.ts";
import { type Digest, type ImageStore, OciError } from "../oci/oci.ts";
import type { Verified, VerifiedPart } from "../server/verify_route.ts";

export interface VerifyDeps {
  readonly cache: Cache;
  readonly images: ImageStore;
}

/** Computes the identity of a Revision anew, from what is stored of it now. */
export async function verified(key: ObjectKey, deps: VerifyDeps): Promise<Verified> {
  const revision = deps.cache.lister(REVISION).get(key);
  if (revision === undefined) throw notFound(REVISION, key.name);
  const { identity, containerStatuses = [] } = revision.status ?? {};
  const image = containerStatuses[0]?.imageDigest?.match(/sha256:[0-9a-f]{64}$/)?.[0];
  const recorded = identity?.digest;
  if (image === undefined || recorded === undefined) {
    const message = "it has no identity yet: it is not known what it is made of";
    return { revision: key.name, isSame: false, parts: [{ part: "identity", message }] };
  }
  const snapshots = (identity?.references ?? []).map((it) => snapshotPart(revision, it, deps));
  const references = identity?.references?.map(({ kind, name, snapshot }, at) => {
    const digest = snapshots[at]?.found;
    return { kind, name, ...(digest && { digest }), ...(snapshot && { snapshot }) };
  });
  const computed = identityOf({ image, spec: revision.spec, references });
  const blobs = await imageParts(image as Digest, deps.images);
  const isExplained = [...snapshots, ...blobs].some(({ message }) => message !== undefined);
  const changed = "the configuration of the Revision is not what it was made with";
  const configuration: VerifiedPart = {
    ...{ part: "configuration", name: key.name },
    ...(computed !== recorded && !isExplained && { message: changed }),
  };
  const parts = [...blobs, configuration, ...snapshots];
  const isSame = computed === recorded && parts.every(({ message }) => message === undefined);
  const follows = revision.metadata.annotations?.[ANNOTATION.followReferences] === "true";
  return { revision: key.name, isSame, recorded, computed, ...(follows && { follows }), parts };
}

function snapshotPart(
  { metadata }: Revision,
  { kind, name, digest, snapshot }: KeptReference,
  { cache }: VerifyDeps,
): VerifiedPart {
  const part = { part: `${kind} ${name}`, ...(digest !== undefined && { recorded: digest }) };
  if (snapshot === undefined) return { ...part, name: "was not there" };
  const of = { namespace: metadata.namespace, name: snapshot };
  const copy: ConfigMap | Secret | undefined =
    kind === "Secret" ? cache.lister(SECRET).get(of) : cache.lister(CONFIG_MAP).get(of);
  if (copy === undefined) {
    return { ...part, name: snapshot, message: `its snapshot ${kind} "${snapshot}" is gone` };
  }
  const found = contentDigestOf(copy);
  const message = `its snapshot ${kind} "${snapshot}" is not what it was`;
  return { ...part, name: snapshot, found, ...(found !== digest && { message }) };
}

/** The manifest, the configuration and each layer, read and hashed again. */
async function imageParts(digest: Digest, images: ImageStore): Promise<readonly VerifiedPart[]> {
  const manifest = await blobPart("image", digest, images);
  if (manifest.message !== undefined) return [manifest];
  const { config, layers } = (await images.image(digest)).manifest;
  const parts = [manifest, await blobPart("image configuration", config.digest, images)];
  for (const [at, layer] of layers.entries()) {
    parts.push(await blobPart(`layer ${at + 1} of ${layers.length}`, layer.digest, images));
  }
  return parts;
}

async function blobPart(part: string, digest: Digest, images: ImageStore): Promise<VerifiedPart> {
  const about = { part, name: digest, recorded: digest };
  try {
    const hash = createHash("sha256");
    for await (const bytes of await images.readBlob(digest)) hash.update(bytes as Uint8Array);
    const found = `sha256:${hash.digest("hex")}`;
    const message = "what is stored has another digest: it was changed or is damaged";
    return { ...about, found, ...(found !== digest && { message }) };
  } catch (thrown) {
    if (!(thrown instanceof OciError)) throw thrown;
    return { ...about, message: thrown.message };
  }
}
