import { isDeepStrictEqual } from "node:util";
import { ANNOTATION } from "../../api/labels.ts";
import type { Revision } from "../../api/revision.ts";
import type { Service } from "../../api/service.ts";
import type { Template } from "../../api/template.ts";
import { generationOf, type Readiness, readinessOf } from "../service_facts.ts";

/** What was asked of the server, in the words of its answer. */
export interface Asked {
  /** Of the service, once it was written. */
  readonly generation: number;
  readonly template: Template;
  /** The template was the same before: there is a revision of it, or soon will be. */
  readonly isUnchanged: boolean;
  /** That of the newest revision before it was written; 0 when there was none. */
  readonly lastGeneration: number;
}

/** What is there now. */
export interface Seen {
  readonly service: Service | undefined;
  readonly revisions: readonly Revision[];
}

/** How it stands with what was asked for. */
export type Verdict =
  | (Step & { readonly phase: "waiting"; readonly revision?: Revision })
  | { readonly phase: "ready"; readonly revision: Revision; readonly overtakenBy?: string }
  | { readonly phase: "superseded"; readonly by: string; readonly revision?: Revision }
  | Failed
  | { readonly phase: "gone" };

/** What is being done, and what it waits for. */
export interface Step {
  readonly step: string;
  readonly detail?: string;
}

export interface Failed {
  readonly phase: "failed";
  readonly reason: string;
  readonly message: string;
  /** It cannot get better by itself. */
  readonly isFinal: boolean;
  readonly revision?: Revision;
}

const WAITING = "waiting for the new revision";

/** Decides how it stands. Others may deploy and move traffic at the same time. */
export function judge(asked: Asked, seen: Seen): Verdict {
  const { service } = seen;
  if (service === undefined || service.metadata.deletionTimestamp !== undefined) {
    return { phase: "gone" };
  }
  const present = { ...seen, service };
  const own = ownRevision(asked, present);
  return own === undefined ? judgeWithout(asked, present) : judgeOwn(own, asked, present);
}

type Present = Seen & { readonly service: Service };

/** The revision that was made of what was asked for, if it is there by now. */
function ownRevision(asked: Asked, { service, revisions }: Present): Revision | undefined {
  const { template, isUnchanged, lastGeneration } = asked;
  const { name } = template.metadata ?? {};
  if (name !== undefined) {
    return revisions.find((it) => it.metadata.name === name && isOf(template, it));
  }
  const same = revisions
    .filter((it) => isOf(template, it))
    .sort((one, other) => generationOf(one) - generationOf(other));
  if (isUnchanged) return same.at(-1);
  const isNow = service.metadata.generation === asked.generation && isCurrent(asked, service);
  const isNew = (it: Revision) => generationOf(it) > lastGeneration;
  const created = revisions.find((it) => it.metadata.name === createdBy(service) && isNew(it));
  return same.find(isNew) ?? (isNow ? created : undefined);
}

function isOf({ metadata = {}, spec = {} }: Template, revision: Revision): boolean {
  const { annotations = {}, labels = {} } = revision.metadata;
  const isTold = (said: Readonly<Record<string, string>> = {}, there: typeof annotations) =>
    Object.entries(said).every(([key, value]) => there[key] === value);
  return (
    isDeepStrictEqual(revision.spec, spec) &&
    annotations[ANNOTATION.source] === metadata.annotations?.[ANNOTATION.source] &&
    isTold(metadata.annotations, annotations) &&
    isTold(metadata.labels, labels)
  );
}

/** Whether what the service says of its newest revision is about what was asked for, or later. */
function isCurrent({ generation }: Asked, { status }: Service): boolean {
  const isObserved = (status?.observedGeneration ?? 0) >= generation;
  return isObserved && readinessOf(status, "ConfigurationsReady").reason !== "OutOfDate";
}

function createdBy({ status }: Service): string | undefined {
  return status?.latestCreatedRevisionName;
}

function judgeWithout(asked: Asked, { service, revisions }: Present): Verdict {
  const waiting: Verdict = { phase: "waiting", step: WAITING };
  if (!isCurrent(asked, service)) return waiting;
  const made = readinessOf(service.status, "ConfigurationsReady");
  const created = createdBy(service);
  const isKnown = revisions.some((it) => it.metadata.name === created);
  const isLater = service.metadata.generation > asked.generation;
  if (isLater && isKnown && created !== undefined) return { phase: "superseded", by: created };
  if (made.status !== "False") return waiting;
  return { phase: "failed", reason: made.reason, message: made.message, isFinal: false };
}

function judgeOwn(own: Revision, asked: Asked, { service, revisions }: Present): Verdict {
  const ready = readinessOf(own.status);
  const by = overtaker(own, { service, revisions });
  if (by !== undefined && ready.status !== "True") {
    return { phase: "superseded", by, revision: own };
  }
  if (by !== undefined) return { phase: "ready", revision: own, overtakenBy: by };
  if (ready.status === "False") return failed(own, ready);
  if (ready.status === "Unknown") return { phase: "waiting", ...stepOf(own), revision: own };
  if (!isCurrent(asked, service)) {
    return { phase: "waiting", step: `${own.metadata.name} is ready`, revision: own };
  }
  const all = readinessOf(service.status);
  if (all.status === "True") return { phase: "ready", revision: own };
  if (all.status === "False") {
    const { reason, message } = all;
    return { phase: "failed", reason, message, isFinal: false, revision: own };
  }
  const step = `updating the routes of ${service.metadata.name}`;
  const detail = readinessOf(service.status, "RoutesReady").message;
  return { phase: "waiting", step, detail, revision: own };
}

/** A newer revision of the same service, if there is one: traffic that tracks goes there. */
function overtaker(own: Revision, { service, revisions }: Present): string | undefined {
  const name = createdBy(service);
  const created = revisions.find((it) => it.metadata.name === name);
  if (created === undefined || generationOf(created) <= generationOf(own)) return undefined;
  return name;
}

function failed(revision: Revision, { reason, message }: Readiness): Failed {
  const build = readinessOf(revision.status, "BuildSucceeded");
  const hasFailed = build.status === "False";
  const why = hasFailed ? build : { reason, message };
  const isFinal = hasFailed || reason === "ProgressDeadlineExceeded";
  return { phase: "failed", reason: why.reason, message: why.message, isFinal, revision };
}

/** What a revision that is not ready yet is waiting for. */
function stepOf({ metadata, status }: Revision): Step {
  const { name } = metadata;
  if (status === undefined) return { step: WAITING };
  if (isBuilding(status)) {
    const { message } = readinessOf(status, "BuildSucceeded");
    const detail = message.replace(/^The build is running(: )?/, "");
    return { step: `building ${name}`, detail };
  }
  const { reason, message } = readinessOf(status, "ContainerHealthy");
  const isFetching = reason === "ResolvingDigests";
  const detail = message === "" ? readinessOf(status).message : message;
  return { step: `${isFetching ? "fetching the image of" : "starting"} ${name}`, detail };
}

/** Whether a build is at work on it, or waits for its turn. */
export function isBuilding(status: Revision["status"]): boolean {
  const found = status?.conditions?.find(({ type }) => type === "BuildSucceeded");
  return found?.status === "Unknown";
}
