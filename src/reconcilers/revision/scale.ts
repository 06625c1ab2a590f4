import { as, type Condition, failed } from "../../api/condition.ts";
import { servingContainer } from "../../api/container.ts";
import { isGoing, pathOf } from "../../api/meta.ts";
import { childName } from "../../api/name.ts";
import type { Pod } from "../../api/pod.ts";
import type { Revision } from "../../api/revision.ts";
import { type Digest, OciError } from "../../oci/oci.ts";
import type { Instance, Volume } from "../../runtime/runtime.ts";
import { volumesFor } from "../volumes.ts";
import { isBuildPod } from "./build_pod.ts";
import type { RevisionParts } from "./deps.ts";
import { environmentFor } from "./environment.ts";
import { fetchAgain } from "./image.ts";
import { instanceFor, podFor, whyUnsupported } from "./instances.ts";
import { wakeFrozen } from "./rest.ts";
import { retire } from "./retire.ts";
import { missingForTokens, withTokens } from "./tokens.ts";

export interface Scaling {
  readonly image: Digest;
  readonly replicas: number;
  /** They are to serve: what is frozen is thawed. */
  readonly isAwake: boolean;
  /** What it was made with and is gone: a sentence each. */
  readonly lost: readonly string[];
  readonly parts: RevisionParts;
  readonly signal: AbortSignal;
}

export interface Scaled {
  /** Those that shall stay. */
  readonly instances: readonly Instance[];
  /** When the oldest of them was asked for, in milliseconds since 1970. */
  readonly sinceMs: number | undefined;
  /** Why no more can be started: set when more are wanted. */
  readonly hindrance?: Condition;
  /** When to ask again for what hinders, if nobody will tell. */
  readonly againAfterMs?: number;
}

const AVAILABLE = "ResourcesAvailable";
/** How soon one looks again whether there is a runtime by now. */
const RUNTIME_MS = 10_000;

/** Every instance has a Pod of its name: made before it is started, gone after it has ended. */
export async function scale(revision: Revision, scaling: Scaling): Promise<Scaled> {
  const { parts, replicas } = scaling;
  const pods = parts.pods.controlledBy(revision).filter((pod) => !isBuildPod(pod));
  const phaseOf = (pod: Pod) => parts.runtime.get(pathOf(pod.metadata))?.phase ?? "";
  const isUseful = (pod: Pod) => ["ready", "frozen"].includes(phaseOf(pod));
  const all = pods.filter((pod) => !isGoing(pod)).toSorted(byAge);
  // Those that do not serve go first.
  const staying = [...all.filter(isUseful), ...all.filter((pod) => !isUseful(pod))];
  for (const pod of staying.slice(replicas)) await parts.client.delete(pod);
  const kept = staying.slice(0, replicas);
  const idle = kept.filter((pod) => parts.runtime.get(pathOf(pod.metadata)) === undefined);
  const isEnough = idle.length === 0 && kept.length >= replicas;
  const hindrance = isEnough ? {} : await startMissing(revision, { ...scaling, kept, idle });
  const found = () => kept.flatMap((pod) => parts.runtime.get(pathOf(pod.metadata)) ?? []);
  if (scaling.isAwake) await wakeFrozen(found(), parts);
  const times = kept.map(({ metadata }) => Date.parse(metadata.creationTimestamp));
  return {
    instances: found(),
    sinceMs: times.length === 0 ? undefined : Math.min(...times),
    ...hindrance,
  };
}

/**
 * Ends instances, requests that are open first. To be called when the gateway has taken them out.
 * Returns when those should be asked for again that could not be ended; 0 when there are none.
 */
export function endInstances(
  revision: Revision,
  names: readonly string[],
  parts: RevisionParts,
): number {
  const deadlineMs = (revision.spec.timeoutSeconds ?? 300) * 1000;
  const waits = names
    .filter((name) => parts.runtime.get(name) !== undefined)
    .map((name) => {
      const outcome = retire(name, deadlineMs, parts);
      if (outcome === "running" || "value" in outcome) return 0;
      const { error, againAfterMs } = outcome;
      const why = error instanceof Error ? error.message : String(error);
      const message = `Could not end instance "${name}": ${why}`;
      parts.recorder.record(revision, { type: "Warning", reason: "InstanceNotEnded", message });
      return againAfterMs;
    });
  const later = waits.filter((ms) => ms > 0);
  return later.length === 0 ? 0 : Math.min(...later);
}

interface Starting extends Scaling {
  readonly kept: readonly Pod[];
  readonly idle: readonly Pod[];
}

async function startMissing(revision: Revision, starting: Starting): Promise<Hindrance> {
  const { image, replicas, parts, kept, idle, lost, signal } = starting;
  const { client, chance, recorder } = parts;
  const unfit = await whyUnfit(revision, image, parts);
  if (unfit !== undefined) return unfit;
  if (lost.length > 0) {
    const said = `No instance can be started as the first one was: ${lost.join("; ")}`;
    return hindered("SnapshotMissing", `${said}. Deploy once more, to make a new Revision.`);
  }
  const container = servingContainer(revision.spec.containers ?? []) ?? {};
  const { variables: env, missing } = environmentFor(revision, container, parts);
  const { volumes, missing: unfilled } = volumesFor(revision, parts);
  const lacking = [...missing, ...unfilled, ...missingForTokens(revision, parts)];
  if (lacking.length > 0) return hindered("ReferenceMissing", `${lacking.join("; ")}.`);

  const { name } = revision.metadata;
  const names = Array.from({ length: replicas - kept.length }, () => chance.suffix(5));
  const drafts = names.map((suffix) => podFor(revision, childName(name, `-${suffix}`), image));
  const made = await Promise.all(drafts.map((draft) => client.create<Pod>(draft, { signal })));
  for (const { metadata } of made) {
    const message = `Created instance "${metadata.name}"`;
    recorder.record(revision, { type: "Normal", reason: "SuccessfulCreate", message });
  }
  const needed = [...idle, ...made];
  await Promise.all(needed.map((pod) => startOne(pod, { ...starting, revision, env, volumes })));
  return {};
}

/** Why this image cannot run here, or is not here at all. */
async function whyUnfit(
  revision: Revision,
  image: Digest,
  parts: RevisionParts,
): Promise<Hindrance | undefined> {
  const { runtime } = parts;
  try {
    const hopeless = whyUnsupported(revision);
    if (hopeless !== undefined) return hindered("RuntimeMissing", hopeless);
    const volumes = (revision.spec.volumes ?? []).map(({ name }) => name);
    const why = await runtime.whyNot(image, { volumes });
    if (why === undefined) return undefined;
    return { ...hindered("RuntimeMissing", why), againAfterMs: RUNTIME_MS };
  } catch (thrown) {
    if (!(thrown instanceof OciError)) throw thrown;
    const { condition, againAfterMs = 0 } = fetchAgain(revision, parts);
    if (condition === undefined) {
      // It was brought back before, and has been lost once more.
      parts.pulls.forget(pathOf(revision.metadata));
      throw thrown;
    }
    return { hindrance: as(AVAILABLE, condition), againAfterMs };
  }
}

type Hindrance = Pick<Scaled, "hindrance" | "againAfterMs">;

function hindered(reason: string, message: string): Hindrance {
  return { hindrance: failed(reason, message, AVAILABLE) };
}

interface One extends Starting {
  readonly revision: Revision;
  readonly env: Readonly<Record<string, string>>;
  readonly volumes: readonly Volume[];
}

/** A Pod that was deleted while its instance was being started must not leave it behind. */
async function startOne(pod: Pod, one: One): Promise<void> {
  const { revision, image, env, parts } = one;
  const { runtime, pods } = parts;
  const { metadata } = pod;
  const volumes = await withTokens(one.volumes, { revision, pod, parts });
  await runtime.run(instanceFor(revision, { pod: metadata.name, image, env, volumes }));
  if (pods.get(metadata)?.metadata.uid === metadata.uid) return;
  endInstances(revision, [pathOf(metadata)], parts);
}

function byAge(one: Pod, other: Pod): number {
  return one.metadata.creationTimestamp.localeCompare(other.metadata.creationTimestamp);
}
