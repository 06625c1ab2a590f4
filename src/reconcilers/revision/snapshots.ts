import type { ConfigMap } from "../../api/config_map.ts";
import type { Container } from "../../api/container.ts";
import {
  contentDigestOf,
  identityOf,
  type KeptReference,
  kindOf,
  type Reference,
  referencesOf,
  SNAPSHOT_TYPE,
  snapshotNameOf,
} from "../../api/identity.ts";
import { ANNOTATION, LABEL } from "../../api/labels.ts";
import {
  childOf,
  type Draft,
  isControlledBy,
  isGoing,
  type ObjectKey,
  type Resource,
} from "../../api/meta.ts";
import type { Revision, RevisionStatus } from "../../api/revision.ts";
import type { Secret } from "../../api/secret.ts";
import type { Lister } from "../../client/client.ts";
import { volumesFor } from "../volumes.ts";
import type { RevisionParts } from "./deps.ts";
import { environmentFor } from "./environment.ts";

/** What a Revision refers to, as it was when it was made. */
export interface Snapshots {
  /** Absent while something is missing, so that nothing was kept yet. */
  readonly references?: readonly KeptReference[];
  /** Copies that somebody has deleted: a sentence each. */
  readonly lost?: readonly string[];
  /** What its instances are made with: copies in the place of what was copied. */
  readonly configMaps: Lister<ConfigMap>;
  readonly secrets: Lister<Secret>;
}

const SALT_BYTES = 16;

/**
 * Copies the ConfigMaps and Secrets that a Revision refers to, once, when all of them are there: an
 * instance of it that is started later has what the first one had (spec/elafros §14 P-11).
 */
export async function keepSnapshots(revision: Revision, parts: RevisionParts): Promise<Snapshots> {
  const { configMaps, secrets } = parts;
  const references = referencesOf(revision.spec);
  if (isFollowing(revision)) return { configMaps, secrets };
  if (references.length === 0) return { references, configMaps, secrets };
  const known = revision.status?.identity?.references;
  if (known === undefined && !isComplete(revision, parts)) return { configMaps, secrets };
  const kept: KeptReference[] = [];
  for (const reference of references) {
    const before = known?.find(({ kind, name }) => {
      return kind === reference.kind && name === reference.name;
    });
    kept.push(before ?? (await keep(revision, reference, parts)));
  }
  const { namespace } = revision.metadata;
  const lost = kept.flatMap(({ kind, name, snapshot }) => {
    const lister: Lister<ConfigMap | Secret> = kind === "Secret" ? secrets : configMaps;
    const isThere = snapshot === undefined || lister.get({ namespace, name: snapshot });
    return isThere ? [] : [`the copy "${snapshot}" of ${kind} "${name}" was deleted`];
  });
  return {
    ...{ references: kept, lost },
    configMaps: withCopies(revision, { kept, kind: "ConfigMap", live: configMaps }),
    secrets: withCopies(revision, { kept, kind: "Secret", live: secrets }),
  };
}

/** What is told of the identity of a Revision: once it is known it is not told anew. */
export function toldIdentity(
  revision: Revision,
  { references }: Snapshots,
  image: string | undefined,
): Pick<RevisionStatus, "identity"> {
  const before = revision.status?.identity;
  if (before?.digest !== undefined) return { identity: before };
  const isSettled = references !== undefined || isFollowing(revision);
  if (!isSettled) return {};
  const kept = references !== undefined && { references };
  if (image === undefined) return { identity: { ...kept } };
  const digest = identityOf({ image, spec: revision.spec, references });
  return { identity: { digest, ...kept } };
}

/** Whether its owner wants later instances to have what is there by then. */
function isFollowing({ metadata }: Revision): boolean {
  return metadata.annotations?.[ANNOTATION.followReferences] === "true";
}

function isComplete(revision: Revision, parts: RevisionParts): boolean {
  const { containers = [] } = revision.spec;
  const hasFiles = volumesFor(revision, parts).missing.length === 0;
  const hasVariables = (it: Container) => environmentFor(revision, it, parts).missing.length === 0;
  return hasFiles && containers.every(hasVariables);
}

/** One that was made before its name was written down is found by its name. */
async function keep(
  revision: Revision,
  reference: Reference,
  { client, chance, configMaps, secrets }: RevisionParts,
): Promise<KeptReference> {
  const { namespace, name: revisionName } = revision.metadata;
  const { kind, name } = reference;
  const snapshot = snapshotNameOf(revisionName, reference);
  const lister: Lister<ConfigMap | Secret> = kind === "Secret" ? secrets : configMaps;
  const made = lister.get({ namespace, name: snapshot });
  if (made !== undefined && isControlledBy(made, revision)) {
    return { ...reference, digest: contentDigestOf(made), snapshot };
  }
  const original = lister.get({ namespace, name });
  if (original === undefined || isGoing(original)) return reference;
  const salt = kind === "Secret" ? { [ANNOTATION.snapshotSalt]: chance.token(SALT_BYTES) } : {};
  const { data } = original;
  const { binaryData } = original as ConfigMap;
  const metadata = {
    ...childOf(revision, snapshot),
    labels: { [LABEL.revision]: revisionName, [LABEL.revisionUid]: revision.metadata.uid },
    annotations: { [ANNOTATION.snapshotOf]: `${kind}/${name}`, ...salt },
  };
  const draft: Draft<ConfigMap | Secret> = {
    ...{ apiVersion: kindOf(reference).apiVersion, kind, metadata, immutable: true },
    ...(kind === "Secret" && { type: SNAPSHOT_TYPE }),
    ...(data !== undefined && { data }),
    ...(binaryData !== undefined && { binaryData }),
  };
  const copy = await client.create<ConfigMap | Secret>(draft);
  return { ...reference, digest: contentDigestOf(copy), snapshot };
}

interface Copying<R extends Resource> {
  readonly kept: readonly KeptReference[];
  readonly kind: Reference["kind"];
  readonly live: Lister<R>;
}

/** The same list, in which what was copied is the copy, and what was not there is not there. */
function withCopies<R extends Resource>(
  { metadata }: Revision,
  { kept, kind, live }: Copying<R>,
): Lister<R> {
  const ours = new Map(kept.filter((it) => it.kind === kind).map((it) => [it.name, it]));
  return {
    get(key: ObjectKey) {
      const copied = key.namespace === metadata.namespace ? ours.get(key.name) : undefined;
      if (copied === undefined) return live.get(key);
      const { snapshot } = copied;
      return snapshot === undefined ? undefined : live.get({ ...key, name: snapshot });
    },
    list: (namespace) => live.list(namespace),
    controlledBy: (owner) => live.controlledBy(owner),
  };
}
