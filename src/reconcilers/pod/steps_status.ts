import type { ContainerStatus, Pod, PodStatus } from "../../api/pod.ts";
import type { BuildState, PartState } from "../../build/build.ts";

/** The build of a Build as the Pod that it would be on a cluster. */
export function stepsStatus({ spec }: Pod, build: BuildState | undefined): PodStatus {
  const { phase = "Failed", startedAt, completedAt, parts = [], message } = build ?? LOST;
  const isOver = phase === "Succeeded" || phase === "Failed";
  const hasFailed = phase === "Failed";
  const isGone = hasFailed && message !== undefined && message !== "";
  const finished = completedAt === undefined ? {} : { finishedAt: completedAt };
  const ended = { exitCode: hasFailed ? 1 : 0, reason: hasFailed ? "Error" : "Completed" };
  const [last] = spec.containers.map(({ name = "nop", image = "" }) => ({
    ...{ name, image, imageID: image, ready: false, restartCount: 0 },
    state:
      phase === "Succeeded"
        ? { terminated: { ...ended, ...finished } }
        : { waiting: { reason: "PodInitializing" } },
  }));
  const not = { status: "False" as const, reason: isOver ? "PodCompleted" : "ContainersNotReady" };
  return {
    phase: phase === "Building" ? "Running" : phase,
    ...(isGone && { message }),
    conditions: [
      { type: "PodScheduled", status: "True" },
      { type: "Initialized", status: phase === "Succeeded" ? "True" : "False" },
      { type: "ContainersReady", ...not },
      { type: "Ready", ...not },
    ],
    ...(startedAt !== undefined && { startTime: startedAt }),
    initContainerStatuses: parts.map(containerStatusOf),
    ...(last !== undefined && { containerStatuses: [last] }),
  };
}

/** One that the builder does not know any more. */
const LOST: BuildState = { phase: "Failed", message: "the builder has forgotten it" };

function containerStatusOf(part: PartState): ContainerStatus {
  const { container: name, image, startedAt, endedAt, exitCode = 0, reason, message } = part;
  const begun = startedAt === undefined ? {} : { startedAt };
  const waiting = { waiting: { reason: "PodInitializing" } };
  const running = startedAt === undefined ? waiting : { running: begun };
  const why = { ...(reason !== undefined && { reason }), ...(message && { message }) };
  const terminated = { exitCode, ...why, ...begun, finishedAt: endedAt ?? "" };
  return {
    ...{ name, image, imageID: image, restartCount: 0 },
    state: endedAt === undefined ? running : { terminated },
    ready: endedAt !== undefined && exitCode === 0,
  };
}
