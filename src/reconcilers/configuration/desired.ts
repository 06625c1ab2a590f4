import type { Configuration } from "../../api/configuration.ts";
import { ANNOTATION, LABEL } from "../../api/labels.ts";
import { childOf, type Draft } from "../../api/meta.ts";
import { childName } from "../../api/name.ts";
import { REVISION, type Revision } from "../../api/revision.ts";

/** The name of the Revision this generation calls for: the owner's own, or one that tells it. */
export function revisionNameFor({ metadata, spec }: Configuration): string {
  const { name, generation } = metadata;
  return (
    spec.template?.metadata?.name ?? childName(name, `-${String(generation).padStart(5, "0")}`)
  );
}

/** The Revision this generation calls for (spec/elafros §3.3 L8–L10, §4.2). */
export function revisionFor(configuration: Configuration): Draft<Revision> {
  const { metadata, spec } = configuration;
  const { labels = {}, annotations = {} } = spec.template?.metadata ?? {};
  const { apiVersion, kind } = REVISION;
  const service = metadata.labels?.[LABEL.service];
  const serviceUid = metadata.labels?.[LABEL.serviceUid];
  const creator = metadata.annotations?.[ANNOTATION.lastModifier];
  return {
    apiVersion,
    kind,
    metadata: {
      ...childOf(configuration, revisionNameFor(configuration)),
      labels: {
        ...labels,
        [LABEL.configuration]: metadata.name,
        [LABEL.configurationGeneration]: String(metadata.generation),
        [LABEL.configurationUid]: metadata.uid,
        [LABEL.routingState]: "pending",
        ...(service !== undefined && { [LABEL.service]: service }),
        ...(serviceUid !== undefined && { [LABEL.serviceUid]: serviceUid }),
      },
      annotations: {
        ...annotations,
        ...(creator !== undefined && { [ANNOTATION.creator]: creator }),
      },
    },
    spec: spec.template?.spec ?? {},
  };
}

/** On a Revision that an older generation made: the generation that asked for it last. */
export const ASKED_GENERATION = "varve.dev/asked-generation";

/** The last generation of its Configuration that asked for a Revision; 0 when it does not say. */
export function generationOf({ metadata }: Revision): number {
  const { labels = {}, annotations = {} } = metadata;
  return Number(annotations[ASKED_GENERATION] ?? labels[LABEL.configurationGeneration] ?? 0);
}
