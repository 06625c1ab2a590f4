import type { ContainerStatus, Pod, PodStatus } from "../../api/pod.ts";
import type { BuildState } from "../../build/build.ts";
import { type Exit, exitCodeOf, type Instance } from "../../runtime/runtime.ts";

type State = NonNullable<ContainerStatus["state"]>;

/** Instances listen on loopback alone: all that is from elsewhere comes by the gateway. */
const HOST_IP = "127.0.0.1";

/** An instance as kubectl users know a Pod. */
export function instanceStatus(pod: Pod, instance: Instance | undefined): PodStatus {
  if (instance === undefined) return waitingFor(pod, "ContainerCreating");
  const { phase, address, restarts, lastExit, createdAt, startedAt, message } = instance;
  const isReady = phase === "ready";
  const isRunning = phase !== "waiting";
  const running: State = { running: { ...(startedAt !== undefined && { startedAt }) } };
  const waiting: State = { waiting: { reason: "CrashLoopBackOff", message } };
  return {
    phase: "Running",
    ...(phase === "frozen" && { reason: "Frozen", message }),
    conditions: conditionsFrom({ isReady, message, isStarted: isRunning }),
    hostIP: HOST_IP,
    hostIPs: [{ ip: HOST_IP }],
    ...(address !== undefined && {
      podIP: address.host,
      podIPs: [{ ip: address.host }],
      ports: [{ containerPort: instance.spec.port, hostPort: address.port, protocol: "TCP" }],
    }),
    qosClass: qosOf(pod),
    startTime: createdAt,
    containerStatuses: [
      {
        ...runBy(pod, instance),
        state: isRunning ? running : waiting,
        ...(lastExit !== undefined && { lastState: { terminated: terminatedBy(lastExit, pod) } }),
        ready: isReady,
        started: isReady || phase === "unready" || phase === "frozen",
        restartCount: restarts,
      },
    ],
  };
}

/** A build as the Pod that it would be on a cluster. */
export function buildStatus(pod: Pod, build: BuildState | undefined): PodStatus {
  if (build === undefined) return waitingFor(pod, "Unknown");
  const { phase, step = "", message = "", startedAt, completedAt = startedAt } = build;
  if (phase === "Pending") return waitingFor(pod, "BuildPending");
  const isOver = phase !== "Building";
  const hasFailed = phase === "Failed";
  const times = {
    ...(startedAt !== undefined && { startedAt }),
    ...(completedAt !== undefined && { finishedAt: completedAt }),
  };
  const reason = hasFailed ? (build.reason ?? "Error") : "Completed";
  const over: State = { terminated: { exitCode: hasFailed ? 1 : 0, reason, message, ...times } };
  const running: State = { running: { ...(startedAt !== undefined && { startedAt }) } };
  return {
    phase: isOver ? (hasFailed ? "Failed" : "Succeeded") : "Running",
    conditions: conditionsFrom({ isReady: false, message: message || step, isStarted: !isOver }),
    ...(startedAt !== undefined && { startTime: startedAt }),
    containerStatuses: [
      { ...identityOf(pod), state: isOver ? over : running, ready: false, restartCount: 0 },
    ],
  };
}

function waitingFor(pod: Pod, reason: string): PodStatus {
  const state = { waiting: { reason } };
  return {
    phase: "Pending",
    conditions: conditionsFrom({ isReady: false, message: "", isStarted: false }),
    containerStatuses: [{ ...identityOf(pod), state, ready: false, restartCount: 0 }],
  };
}

/** As Kubernetes classes them: by what is asked for, and whether it is also the limit. */
function qosOf({ spec }: Pod): string {
  const asked = spec.containers.map(({ resources = {} }) => resources);
  const isNothing = asked.every(({ limits = {}, requests = {} }) => {
    return Object.keys({ ...limits, ...requests }).length === 0;
  });
  if (isNothing) return "BestEffort";
  const isFirm = asked.every(({ limits = {}, requests = {} }) =>
    ["cpu", "memory"].every((name) => {
      const limit = limits[name];
      return limit !== undefined && (requests[name] ?? limit) === limit;
    }),
  );
  return isFirm ? "Guaranteed" : "Burstable";
}

function identityOf({ spec }: Pod) {
  const [{ name = "user-container", image = "" } = {}] = spec.containers;
  return { name, image, imageID: image };
}

interface Readiness {
  readonly isReady: boolean;
  readonly isStarted: boolean;
  readonly message: string;
}

function conditionsFrom({ isReady, isStarted, message }: Readiness) {
  const not = { reason: "ContainersNotReady", message };
  const ready = isReady ? { status: "True" as const } : { status: "False" as const, ...not };
  return [
    { type: "PodScheduled", status: "True" as const },
    { type: "Initialized", status: isStarted ? ("True" as const) : ("False" as const) },
    { type: "ContainersReady", ...ready },
    { type: "Ready", ...ready },
  ];
}

/** What the runtime runs, which may be said by another name in the spec. */
function runBy(pod: Pod, { spec }: Instance) {
  return { ...identityOf(pod), imageID: spec.image, containerID: `varve://${spec.name}` };
}

const KUBERNETES_WORD: Readonly<Record<string, string>> = {
  OutOfMemory: "OOMKilled",
  NotStarted: "StartError",
  Unhealthy: "Error",
  Unknown: "ContainerStatusUnknown",
};

/** What Kubernetes says of an end that nobody saw. */
const UNKNOWN_CODE = 137;

function terminatedBy(exit: Exit, pod: Pod) {
  const { reason, startedAt, at } = exit;
  const message = messageOf(exit, pod);
  return {
    exitCode: exitCodeOf(exit) ?? UNKNOWN_CODE,
    reason: KUBERNETES_WORD[reason] ?? reason,
    ...(message !== "" && { message }),
    ...(startedAt !== undefined && { startedAt }),
    finishedAt: at,
  };
}

/** As Kubernetes has it: of an end that is no error, or by the policy "File", the file alone. */
function messageOf({ reason, output, message }: Exit, { spec }: Pod): string {
  const [{ terminationMessagePolicy = "FallbackToLogsOnError" } = {}] = spec.containers;
  // Where there was no file the policy says nothing: it is a plain process, or was not started.
  const isLeftOut = message !== undefined && terminationMessagePolicy === "File";
  return message || (isLeftOut || reason === "Completed" ? "" : output);
}
