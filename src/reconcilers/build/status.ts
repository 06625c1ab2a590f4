import type { Build, BuildStatus } from "../../api/build.ts";
import { type Condition, failed, ok, pending } from "../../api/condition.ts";
import type { ContainerState } from "../../api/pod.ts";
import type { BuildState, PartState } from "../../build/build.ts";

export interface Seen {
  readonly pod: string;
  readonly state: BuildState;
  readonly logUrl: string;
}

const SUCCEEDED = "Succeeded";

/** What to say of a Build that is in the hands of the builder (spec/elafros §9). */
export function statusOf(build: Build, { pod, state, logUrl }: Seen): BuildStatus {
  const { startedAt, completedAt, parts = [] } = state;
  const { namespace = "" } = build.metadata;
  const steps = parts.filter(({ isStep }) => isStep);
  const ended = steps.filter(({ endedAt }) => endedAt !== undefined);
  const hasBegun = steps.some((part) => part.startedAt !== undefined || part.endedAt !== undefined);
  return {
    builder: "Cluster",
    cluster: { namespace, podName: pod },
    ...(startedAt !== undefined && { startTime: startedAt }),
    ...(completedAt !== undefined && { completionTime: completedAt }),
    ...(hasBegun && { stepStates: steps.map(stateOf) }),
    ...(ended.length > 0 && { stepsCompleted: ended.map(({ container }) => container) }),
    logUrl,
    conditions: conditionsOf(build, { pod, state }),
  };
}

/** Of one that was cancelled before anybody had begun. */
export function cancelledStatus({ metadata, status }: Build): BuildStatus {
  return { ...status, builder: "Cluster", conditions: cancelled(metadata.name) };
}

/** Of one that cannot be begun: what is asked for makes no sense, or is not there. */
export function invalidStatus(problems: readonly string[]): BuildStatus {
  const condition = failed("BuildValidationFailed", problems.join("; "), SUCCEEDED);
  return { builder: "Cluster", conditions: [condition] };
}

/** Of one that waits for a way to run at all. */
export function waitingStatus(why: string): BuildStatus {
  return { builder: "Cluster", conditions: [pending("Pending", why, SUCCEEDED)] };
}

/** Of one that has waited as long as it may take. */
export function lateStatus({ metadata, spec }: Build, why: string): BuildStatus {
  const said = `Build "${metadata.name}" failed to finish within "${spec.timeout}": ${why}`;
  return { builder: "Cluster", conditions: [failed("BuildTimeout", said, SUCCEEDED)] };
}

/** A part as the state of a container. */
export function stateOf(part: PartState): ContainerState {
  const { startedAt, endedAt, exitCode = 0, reason, message } = part;
  const times = { ...(startedAt !== undefined && { startedAt }) };
  if (endedAt !== undefined) {
    const why = { ...(reason !== undefined && { reason }), ...(message && { message }) };
    return { terminated: { exitCode, ...why, ...times, finishedAt: endedAt } };
  }
  return startedAt === undefined
    ? { waiting: { reason: "PodInitializing" } }
    : { running: { startedAt } };
}

function conditionsOf(
  { metadata, spec }: Build,
  { pod, state }: Pick<Seen, "pod" | "state">,
): readonly Condition[] {
  const { phase, step, reason, message = "" } = state;
  const { namespace, name } = metadata;
  if (phase === "Pending") {
    return [pending("Pending", "The build waits for its turn.", SUCCEEDED)];
  }
  if (phase === "Building") {
    const said = step === undefined ? "The build is running." : `The build is running: ${step}`;
    return [pending("Building", said, SUCCEEDED)];
  }
  if (phase === "Succeeded") return [ok(SUCCEEDED)];
  if (reason === "BuildCancelled") return cancelled(name);
  if (reason === "BuildTimeout") {
    const said = `Build "${name}" failed to finish within "${spec.timeout}"`;
    return [failed("BuildTimeout", said, SUCCEEDED)];
  }
  const part = state.parts?.find(({ exitCode = 0 }) => exitCode !== 0);
  const where = part === undefined ? "" : ` -c ${part.container}`;
  const how = `for logs run: kubectl -n ${namespace} logs ${pod}${where}`;
  return [failed("BuildExecuteFailed", `${message}; ${how}`, SUCCEEDED)];
}

function cancelled(name: string): readonly Condition[] {
  const said = `Build "${name}" was cancelled`;
  return [failed("BuildCancelled", said, SUCCEEDED), ok("Cancelled")];
}
