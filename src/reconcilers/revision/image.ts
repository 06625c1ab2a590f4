import type { Build } from "../../api/build.ts";
import { type Condition, conditionOf, failed, ok, pending } from "../../api/condition.ts";
import { servingContainer } from "../../api/container.ts";
import { ANNOTATION } from "../../api/labels.ts";
import { pathOf } from "../../api/meta.ts";
import type { Revision } from "../../api/revision.ts";
import type { Secret } from "../../api/secret.ts";
import { readSource } from "../../api/source.ts";
import type { Builder, BuildState } from "../../build/build.ts";
import type { Lister } from "../../client/client.ts";
import type { Background } from "../../control/background.ts";
import type { Recorder } from "../../control/recorder.ts";
import { type Digest, type ImageStore, OciError, type Registry } from "../../oci/oci.ts";
import { credentialsFor, hostOf, type Puller } from "../pull_secrets.ts";

export interface ImageDeps {
  readonly images: ImageStore;
  readonly registry: Registry;
  readonly builder: Builder;
  readonly secrets: Lister<Secret>;
  readonly builds: Lister<Build>;
  readonly recorder: Recorder;
  /** Pulls that are under way or have ended, by the uid of their Revision. */
  readonly pulls: Background<Digest>;
}

/** The image of a Revision, or what to say while there is none. */
export interface ImageOutcome {
  readonly digest?: Digest;
  /** Of one that is built here: what exactly was built. */
  readonly origin?: string;
  /** Of one that is built here: how the build went. */
  readonly build?: Condition;
  /** Why there is no image: set when there is no digest. */
  readonly condition?: Condition;
  /** When to ask again for one that could not be had: it may come to be there. */
  readonly againAfterMs?: number;
}

const HEALTHY = "ContainerHealthy";
const BUILT = "BuildSucceeded";
const MISSING = "ContainerMissing";
/** How soon one looks again whether somebody has loaded an image here. */
const LOADED_MS = 10_000;

/** Finds, builds or pulls the image. Once a Revision has one it keeps it: that is its identity. */
export async function imageOf(revision: Revision, deps: ImageDeps): Promise<ImageOutcome> {
  const isBuilt = sourceOf(revision) !== undefined;
  const { status } = revision;
  const known = status?.containerStatuses?.[0]?.imageDigest?.match(/sha256:[0-9a-f]{64}$/)?.[0];
  const build = conditionOf(status, BUILT);
  if (known !== undefined) {
    const origin = status?.imageSource?.origin;
    const kept = { ...(build && { build }), ...(origin !== undefined && { origin }) };
    return { digest: known as Digest, ...kept };
  }
  if (build?.status === "False") return { build, condition: buildFailed(build.message ?? "") };
  if (isBuilt) return built(revision, deps);
  const name = buildOf(revision);
  return name === undefined ? await pulled(revision, deps) : await awaited(name, revision, deps);
}

/** The Build that makes the image, in the Revision's own namespace, where there is one. */
export function buildOf({ metadata }: Revision): string | undefined {
  return metadata.annotations?.[ANNOTATION.buildName];
}

/** The image is looked for when the Build has succeeded: before, its tag may mean an older one. */
async function awaited(name: string, revision: Revision, deps: ImageDeps): Promise<ImageOutcome> {
  const { namespace } = revision.metadata;
  const build = deps.builds.get({ namespace, name });
  const { status, message = "" } = conditionOf(build?.status, "Succeeded") ?? {};
  if (status === "False") {
    const said = `Build "${name}": ${message}`;
    return { build: failed("BuildFailed", said, BUILT), condition: buildFailed(said) };
  }
  if (status === "True") return { ...(await pulled(revision, deps)), build: ok(BUILT) };
  const what = build === undefined ? "which is not there yet" : "which is not done";
  const said = `Waiting for Build "${name}", ${what}`;
  return { build: pending("Building", said, BUILT), condition: pending("Building", said, HEALTHY) };
}

/** What the annotation of the template says, if the Revision is made from source. */
export function sourceOf({ metadata }: Revision): string | undefined {
  return metadata.annotations?.[ANNOTATION.source];
}

function built(revision: Revision, { builder, secrets }: ImageDeps): ImageOutcome {
  const source = readSource(sourceOf(revision) ?? "");
  const { annotations = {} } = revision.metadata;
  const named = (key: string) => {
    const name = annotations[key];
    if (name === undefined) return undefined;
    const credentials = credentialsFor(name, pullerOf(revision), secrets);
    return { name, ...(credentials && { credentials }) };
  };
  const base = named(ANNOTATION.baseImage);
  const pushTo = named(ANNOTATION.pushTo);
  const id = pathOf(revision.metadata);
  const state = builder.build({ id, source, ...(base && { base }), ...(pushTo && { pushTo }) });
  const { phase, image, origin, message = "" } = state;
  if (phase === "Succeeded" && image !== undefined) {
    return { digest: image, build: ok(BUILT), ...(origin !== undefined && { origin }) };
  }
  if (phase === "Failed") {
    const build = failed(state.reason ?? "BuildStepFailed", message, BUILT);
    return { build, condition: buildFailed(message) };
  }
  const said = progressOf(state);
  return { build: pending("Building", said, BUILT), condition: pending("Building", said, HEALTHY) };
}

function progressOf({ phase, step }: BuildState): string {
  if (phase === "Pending") return "The build waits for its turn.";
  return step === undefined ? "The build is running." : `The build is running: ${step}`;
}

function buildFailed(message: string): Condition {
  return failed("BuildFailed", `Build failed: ${message}`, HEALTHY);
}

async function pulled(revision: Revision, deps: ImageDeps): Promise<ImageOutcome> {
  const image = servingContainer(revision.spec.containers ?? [])?.image ?? "";
  const { images, recorder } = deps;
  if (isOnlyHere(image)) {
    const digest = await images.resolve(image);
    return digest === undefined ? { ...notHere(image), againAfterMs: LOADED_MS } : { digest };
  }
  const fetched = fetch(image, revision, deps);
  if (fetched.condition?.status !== "False") return fetched;
  // The registry was asked first, for a tag may mean something else there by now.
  const digest = await images.resolve(image);
  if (digest === undefined) return fetched;
  const message = `Using the copy of the image that is here: ${fetched.condition.message}`;
  recorder.record(revision, { type: "Warning", reason: "ImageFromHere", message });
  return { digest };
}

/** Brings back the image of a Revision that has been lost here since. */
export function fetchAgain(revision: Revision, deps: ImageDeps): ImageOutcome {
  const [{ imageDigest: image = "" } = {}] = revision.status?.containerStatuses ?? [];
  const isMadeHere = sourceOf(revision) !== undefined || isOnlyHere(image);
  return isMadeHere ? notHere(image) : fetch(image, revision, deps);
}

function fetch(image: string, revision: Revision, deps: ImageDeps): ImageOutcome {
  const credentials = credentialsFor(image, pullerOf(revision), deps.secrets);
  const outcome = deps.pulls.ask(pathOf(revision.metadata), {
    act: () => deps.registry.pull(image, { ...(credentials && { credentials }) }),
    about: JSON.stringify([image, credentials, revision.metadata.uid]),
  });
  if (outcome === "running") {
    // What was found to be missing is missing until it is here.
    const last = conditionOf(revision.status, HEALTHY);
    const fetching = pending("ResolvingDigests", `Fetching image "${image}"`, HEALTHY);
    return {
      condition: last?.reason === MISSING ? failed(MISSING, last.message ?? "", HEALTHY) : fetching,
    };
  }
  if ("value" in outcome) return { digest: outcome.value };
  const { error, againAfterMs } = outcome;
  if (!(error instanceof OciError)) throw error;
  const { message } = error;
  const said = message.includes(image) ? message : `Unable to fetch image "${image}": ${message}`;
  return { condition: failed(MISSING, said, HEALTHY), againAfterMs };
}

function pullerOf({ metadata, spec }: Revision): Puller {
  return { namespace: metadata.namespace, imagePullSecrets: spec.imagePullSecrets };
}

/** Names below ".local" are of this server: no registry could know them. */
function isOnlyHere(image: string): boolean {
  return hostOf(image).endsWith(".local");
}

function notHere(image: string): ImageOutcome {
  const why = "it was made on this server, and is not here; load it again, or deploy it anew";
  return {
    condition: failed(MISSING, `Unable to find image "${image}": ${why}`, HEALTHY),
  };
}
