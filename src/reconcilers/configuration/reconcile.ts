import { isDeepStrictEqual } from "node:util";
import { as, type Condition, conditionOf, failed, pending, READY } from "../../api/condition.ts";
import { CONFIGURATION, type Configuration } from "../../api/configuration.ts";
import { ApiError, alreadyExists } from "../../api/error.ts";
import { isControlledBy, isGoing, type ObjectKey } from "../../api/meta.ts";
import { REVISION, type Revision } from "../../api/revision.ts";
import type { Client, Lister } from "../../client/client.ts";
import type { Controller, Reconciled } from "../../control/controller.ts";
import { isLeftOver } from "../../control/left_over.ts";
import type { Recorder } from "../../control/recorder.ts";
import { ASKED_GENERATION, generationOf, revisionFor, revisionNameFor } from "./desired.ts";

export interface ConfigurationDeps {
  readonly client: Client;
  readonly revisions: Lister<Revision>;
  readonly recorder: Recorder;
}

/** Stamps one Revision per generation of a Configuration, and follows the last that was ready. */
export function configurationController(deps: ConfigurationDeps): Controller<Configuration> {
  const { client, revisions, recorder } = deps;
  return { kind: CONFIGURATION, owns: [REVISION], reconcile };

  async function reconcile(
    configuration: Configuration,
    signal: AbortSignal,
  ): Promise<Reconciled<Configuration>> {
    const name = revisionNameFor(configuration);
    // By its name; it may have been made by an earlier generation that said the same.
    const found = revisions.get(keyOf(configuration, name));
    const isThere = found !== undefined && !isGoing(found);
    if (!isThere && wasMade(configuration, name)) return { status: deleted(configuration, name) };
    if (found !== undefined && isLeftOver(found, configuration)) {
      return { status: blocked(configuration, name) };
    }
    // Our copy may be stale. Then create throws AlreadyExists, and we come back with a fresher one.
    const latest = found ?? (await made(configuration, signal));
    if (latest instanceof ApiError) return { status: creationFailed(configuration, latest) };
    if (!isOurs(configuration, latest)) {
      return { status: creationFailed(configuration, alreadyExists(REVISION, name)) };
    }
    const asked = await keepAsked(latest, configuration, signal);
    const all = revisions.controlledBy(configuration);
    return { status: statusFrom(configuration, { latest: asked, all }) };
  }

  /** So that what came in between is known to be older, though its number is higher. */
  async function keepAsked(revision: Revision, { metadata }: Configuration, signal: AbortSignal) {
    if (generationOf(revision) === metadata.generation) return revision;
    const { annotations } = revision.metadata;
    const asked = { ...annotations, [ASKED_GENERATION]: String(metadata.generation) };
    const next = { ...revision, metadata: { ...revision.metadata, annotations: asked } };
    return await client.put<Revision>(next, { signal });
  }

  async function made(configuration: Configuration, signal: AbortSignal) {
    const wanted = revisionFor(configuration);
    try {
      const revision = await client.create(wanted, { signal });
      const message = `Created Revision "${revision.metadata.name}"`;
      recorder.record(configuration, { type: "Normal", reason: "Created", message });
      return revision;
    } catch (thrown) {
      // What the server finds wrong with it stays wrong until its owner changes it.
      const reasons: readonly string[] = ["Invalid", "BadRequest", "Forbidden"];
      if (thrown instanceof ApiError && reasons.includes(thrown.status.reason)) return thrown;
      throw thrown;
    }
  }
}

function keyOf({ metadata: { namespace } }: Configuration, name: string): ObjectKey {
  return { namespace, name };
}

/** Another of its name has to go first. */
function blocked({ status }: Configuration, name: string) {
  const message = `Revision "${name}" of before is still being deleted.`;
  return { ...status, conditions: [pending("Terminating", message)] };
}

function creationFailed({ status }: Configuration, { message }: ApiError) {
  const said = `Revision creation failed with message: ${message}.`;
  return { ...status, conditions: [failed("RevisionFailed", said)] };
}

/** A Revision of that name that another made, or that says something else, is not ours. */
function isOurs(configuration: Configuration, revision: Revision): boolean {
  if (!isControlledBy(revision, configuration)) return false;
  return isDeepStrictEqual(revision.spec, configuration.spec.template?.spec ?? {});
}

/** Whether this generation had its Revision before (spec/elafros §16 O-3). */
function wasMade({ metadata, status = {} }: Configuration, name: string): boolean {
  return (
    status.observedGeneration === metadata.generation && status.latestCreatedRevisionName === name
  );
}

function deleted({ status }: Configuration, name: string): NonNullable<Configuration["status"]> {
  const condition = failed("RevisionMissing", "The latest Revision appears to have been deleted.");
  const { latestReadyRevisionName: ready, ...last } = status ?? {};
  const kept = ready === undefined || ready === name ? {} : { latestReadyRevisionName: ready };
  return { ...last, ...kept, conditions: [condition] };
}

interface Found {
  readonly latest: Revision;
  readonly all: readonly Revision[];
}

/** Traffic stays on the last Revision that worked until the newest one does (§4.6). */
function statusFrom(configuration: Configuration, { latest, all }: Found) {
  const { name } = latest.metadata;
  const ready = latestReady(configuration, { latest, all });
  return {
    conditions: [conditionFrom(latest, ready)],
    latestCreatedRevisionName: name,
    ...(ready !== undefined && { latestReadyRevisionName: ready }),
  };
}

/** The newest ready one that is not older than what was the latest ready so far. */
function latestReady(configuration: Configuration, { latest, all }: Found): string | undefined {
  if (conditionOf(latest.status, "Ready")?.status === "True") return latest.metadata.name;
  const { latestReadyRevisionName: last } = configuration.status ?? {};
  const before = all.find(({ metadata }) => metadata.name === last);
  const from = before === undefined ? 0 : generationOf(before);
  const newer = all
    .filter((it) => conditionOf(it.status, "Ready")?.status === "True")
    .filter(
      (it) => generationOf(it) >= from && generationOf(it) <= configuration.metadata.generation,
    )
    .toSorted((one, other) => generationOf(other) - generationOf(one));
  return newer[0]?.metadata.name ?? before?.metadata.name;
}

/** Reason and message are those of the Revision (spec/elafros §8 ERR-1, §16 O-6). */
function conditionFrom(latest: Revision, ready: string | undefined): Condition {
  const { name } = latest.metadata;
  const is =
    conditionOf(latest.status, "Ready") ?? pending("Deploying", `Revision "${name}" is new`);
  if (is.status === "True") return ready === name ? READY : pending("", "");
  return as("Ready", is);
}
