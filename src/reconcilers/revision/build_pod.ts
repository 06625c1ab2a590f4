import { LABEL } from "../../api/labels.ts";
import { childName } from "../../api/name.ts";
import type { Pod } from "../../api/pod.ts";
import type { Revision } from "../../api/revision.ts";
import type { RevisionParts } from "./deps.ts";
import { type ImageOutcome, sourceOf } from "./image.ts";
import { podFor } from "./instances.ts";

export function isBuildPod({ metadata }: Pod): boolean {
  return metadata.labels?.[LABEL.build] !== undefined;
}

/** Shows a build as a Pod, so that `kubectl logs` can read what it says, also when it failed. */
export async function keepBuildPod(
  revision: Revision,
  { build }: ImageOutcome,
  { pods, client, recorder }: RevisionParts,
): Promise<void> {
  // A Build has a Pod of its own.
  if (build === undefined || build.status === "True" || sourceOf(revision) === undefined) return;
  const name = childName(revision.metadata.name, "-build");
  if (pods.get({ namespace: revision.metadata.namespace, name }) !== undefined) return;
  const draft = podFor(revision, name, "build");
  const labels = { ...draft.metadata.labels, [LABEL.build]: revision.metadata.name };
  await client.create<Pod>({ ...draft, metadata: { ...draft.metadata, labels } });
  const message = `Building the source; kubectl logs ${name} shows how`;
  recorder.record(revision, { type: "Normal", reason: "Building", message });
}
