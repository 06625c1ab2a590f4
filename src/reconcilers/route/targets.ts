import { autoscalingValue } from "../../api/autoscaling.ts";
import { type Condition, conditionOf, failed, pending } from "../../api/condition.ts";
import type { Configuration } from "../../api/configuration.ts";
import { ANNOTATION, LABEL } from "../../api/labels.ts";
import { controllerOf, isGoing } from "../../api/meta.ts";
import type { Revision } from "../../api/revision.ts";
import type { Route } from "../../api/route.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import type { Lister } from "../../client/client.ts";
import { notesOf } from "./notes.ts";

/** A target, and the Revision that it means now. */
export interface Target {
  readonly target: TrafficTarget;
  readonly revision: Revision;
  /** The latest that is ready, where it tracks a Configuration: it may have been sent back. */
  readonly latest?: Revision;
  /** It is sent requests whether or not it has an instance yet. */
  readonly isAtOnce?: boolean;
}

export interface Resolved {
  /** Complete only when `condition` is True. */
  readonly targets: readonly Target[];
  /** AllTrafficAssigned: of several things that are wrong the first that is False. */
  readonly condition: Condition;
  /** Those that have to be started before they can be sent requests. */
  readonly resting: readonly Revision[];
  /** Those that have to be started, and are sent requests at once: whoever asks waits for them. */
  readonly hurried: readonly Revision[];
}

/** One that has no instance that is ready. */
interface Resting {
  readonly resting: Revision;
  readonly condition: Condition;
}

export interface Listers {
  readonly configurations: Lister<Configuration>;
  readonly revisions: Pick<Lister<Revision>, "get">;
}

const ASSIGNED = "AllTrafficAssigned";

/** Finds the Revision of each target, and what keeps it from being sent requests (§4.5). */
export function resolveTargets(route: Route, listers: Listers): Resolved {
  const each = (route.spec.traffic ?? []).map((target) => resolve(target, { route, listers }));
  const targets = each.filter((it) => "revision" in it);
  const asleep = each.filter((it) => "resting" in it);
  const wrong = each.flatMap((it) => ("revision" in it ? [] : "resting" in it ? it.condition : it));
  const worst = wrong.find(({ status }) => status === "False") ?? wrong[0];
  const condition = worst ?? { type: ASSIGNED, status: "True" };
  const hurried = targets.filter((it) => isHurried(route, it)).map(({ revision }) => revision);
  return { targets, condition, resting: asleep.map((it) => it.resting), hurried };
}

function isHurried(route: Route, { target, revision, isAtOnce = false }: Target): boolean {
  const isActive = conditionOf(revision.status, "Active")?.status === "True";
  return isAtOnce && !isActive && !isServedBy(route, revision.metadata.name, target);
}

interface Place {
  readonly route: Route;
  readonly listers: Listers;
}

function resolve(target: TrafficTarget, { route, listers }: Place): Target | Resting | Condition {
  const { namespace } = route.metadata;
  const { configurationName, revisionName } = target;
  if (revisionName !== undefined) {
    // Who goes back wants to be rid of what serves now, and not to wait for what did before.
    const isAtOnce = route.metadata.annotations?.[ANNOTATION.rollbackTo] === revisionName;
    return resolveRevision(target, { route, listers, name: revisionName, isAtOnce });
  }
  const name = configurationName ?? "";
  const configuration = listers.configurations.get({ namespace, name });
  if (configuration === undefined) {
    const message = `Configuration "${name}" referenced in traffic not found.`;
    return failed("ConfigurationMissing", message, ASSIGNED);
  }
  const latest = configuration.status?.latestReadyRevisionName;
  if (latest !== undefined) return resolveTracked(target, { route, listers, name: latest });
  if (conditionOf(configuration.status, "Ready")?.status === "False") {
    const message = `Configuration "${name}" does not have any ready Revision.`;
    return failed("RevisionMissing", message, ASSIGNED);
  }
  const message = `Configuration "${name}" is waiting for a Revision to become ready.`;
  return pending("RevisionMissing", message, ASSIGNED);
}

/** Whether it is sent such requests already: then it is no news that it is being started again. */
function isServedBy({ status }: Route, name: string, { percent = 0, tag }: TrafficTarget): boolean {
  const now = (status?.traffic ?? []).filter(({ revisionName }) => revisionName === name);
  const isTagged = tag === undefined || now.some((it) => it.tag === tag);
  const isShared = percent === 0 || now.some((it) => (it.percent ?? 0) > 0);
  return now.length > 0 && isTagged && isShared;
}

interface Name extends Place {
  readonly name: string;
  /** Requests go there whether or not there is an instance yet. */
  readonly isAtOnce?: boolean;
}

/** The latest, or who stands in for it since it was sent back. */
function resolveTracked(target: TrafficTarget, place: Name): Target | Resting | Condition {
  const { route, listers, name } = place;
  const { namespace } = route.metadata;
  const latest = listers.revisions.get({ namespace, name });
  const instead = latest && target.percent !== 0 ? notesOf(latest).instead : undefined;
  const other =
    instead === undefined ? undefined : listers.revisions.get({ namespace, name: instead });
  const isThere = other !== undefined && !isGoing(other);
  const found = isThere
    ? resolveRevision(target, { ...place, name: other.metadata.name, isAtOnce: true })
    : resolveRevision(target, place);
  return "revision" in found && latest !== undefined ? { ...found, latest } : found;
}

function resolveRevision(
  target: TrafficTarget,
  { route, listers, name, isAtOnce = false }: Name,
): Target | Resting | Condition {
  const revision = listers.revisions.get({ namespace: route.metadata.namespace, name });
  if (revision === undefined || isGoing(revision)) {
    return failed("RevisionMissing", notFound(route, name), ASSIGNED);
  }
  const service = controllerOf(route);
  const maker = revision.metadata.labels?.[LABEL.service];
  if (service?.kind === "Service" && maker !== service.name) {
    const owner = maker === undefined ? "no Service" : `Service "${maker}"`;
    const message = `Revision "${name}" belongs to ${owner}, and a Service routes only to its own.`;
    return failed("RevisionNotOwned", message, ASSIGNED);
  }
  if (isAtOnce) return { target, revision, isAtOnce };
  const ready = conditionOf(revision.status, "Ready");
  if (ready?.status === "False") {
    const message = `Revision "${name}" failed to become ready.`;
    const condition = failed("RevisionMissing", message, ASSIGNED);
    // Where requests go already, it is for them to ask.
    return isServedBy(route, name, target) ? condition : { resting: revision, condition };
  }
  if (ready?.status !== "True") {
    return pending("RevisionMissing", `Revision "${name}" is not yet ready.`, ASSIGNED);
  }
  const isActive = conditionOf(revision.status, "Active")?.status === "True";
  const isStartedLate = autoscalingValue(revision.metadata.annotations, "initial-scale") === "0";
  if (isActive || isStartedLate || isServedBy(route, name, target)) return { target, revision };
  // It was ready once, and rests. What it is about to be sent must find an instance there.
  const message = `Revision "${name}" is being started again.`;
  return { resting: revision, condition: pending("RevisionMissing", message, ASSIGNED) };
}

/** With what names it, and the way out: nobody but the owner of the traffic can take it. */
function notFound(route: Route, name: string): string {
  const message = `Revision "${name}" referenced in traffic not found.`;
  const naming = (route.spec.traffic ?? []).filter(({ revisionName }) => revisionName === name);
  // The latest goes with its Configuration, which has a word of its own for it.
  if (naming.length === 0) return message;
  const tags = naming.flatMap(({ tag }) => tag ?? []);
  const percent = naming.reduce((sum, target) => sum + (target.percent ?? 0), 0);
  const share = percent > 0 ? [`${percent} %`] : [];
  const uses = [...tags.map((tag) => `tag "${tag}"`), ...share];
  const whose = uses.length === 0 ? "" : ` for ${uses.join(" and ")}`;
  const { namespace } = route.metadata;
  const service = controllerOf(route);
  const change = [...share.map(() => "REVISION=100"), ...tags.map((tag) => `--untag ${tag}`)];
  const line = `varve traffic ${service?.name} ${change.join(" ")} -n ${namespace}`;
  const by = service?.kind === "Service" && change.length > 0 ? ` (${line})` : "";
  return `${message} spec.traffic names it${whose}: name another, or take it out${by}.`;
}
