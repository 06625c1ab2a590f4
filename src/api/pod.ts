import { t, type Value } from "../base/schema.ts";
import { AGE_COLUMN, type Cell, NAME_COLUMN } from "./column.ts";
import { statusFields } from "./condition.ts";
import { container } from "./container.ts";
import { writeAge } from "./duration.ts";
import { CORE } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { Resource } from "./meta.ts";

const text = t.Optional(t.String());
const time = t.Optional(t.String({ format: "date-time" }));

const terminated = t.Object({
  exitCode: t.Integer(),
  signal: t.Optional(t.Integer()),
  reason: text,
  message: text,
  startedAt: time,
  finishedAt: time,
  containerID: text,
});

/** What a container is doing, or how it ended. */
export const containerState = t.Object({
  waiting: t.Optional(t.Object({ reason: text, message: text })),
  running: t.Optional(t.Object({ startedAt: time })),
  terminated: t.Optional(terminated),
});

const containerStatus = t.Object({
  name: t.String(),
  state: t.Optional(containerState),
  lastState: t.Optional(containerState),
  ready: t.Boolean(),
  started: t.Optional(t.Boolean()),
  restartCount: t.Integer(),
  image: t.String(),
  imageID: t.String(),
  containerID: text,
});

const spec = t.Object({
  /** Those that run to their end, one after the other: the steps of a Build. */
  initContainers: t.Optional(t.Array(container)),
  containers: t.Array(container),
  nodeName: text,
  restartPolicy: text,
  serviceAccountName: text,
  terminationGracePeriodSeconds: t.Optional(t.Integer()),
});

const status = t.Object({
  ...statusFields,
  phase: t.Optional(t.OneOf("Pending", "Running", "Succeeded", "Failed", "Unknown")),
  reason: text,
  message: text,
  hostIP: text,
  hostIPs: t.Optional(t.Array(t.Object({ ip: t.String() }))),
  podIP: text,
  podIPs: t.Optional(t.Array(t.Object({ ip: t.String() }))),
  startTime: time,
  /** Where each port of its containers really is on the machine: only Varve tells this. */
  ports: t.Optional(
    t.Array(t.Object({ containerPort: t.Integer(), hostPort: t.Integer(), protocol: text })),
  ),
  initContainerStatuses: t.Optional(t.Array(containerStatus)),
  containerStatuses: t.Optional(t.Array(containerStatus)),
  qosClass: text,
});

export type PodStatus = Value<typeof status>;
export type ContainerState = Value<typeof containerState>;
export type ContainerStatus = Value<typeof containerStatus>;

/** A view of an instance of a Revision, or of a build: for `kubectl get pods` and `logs`. */
export interface Pod extends Resource {
  readonly spec: Value<typeof spec>;
  readonly status?: PodStatus;
}

const WHY = "Pods show the instances of Revisions; change the Service to have others";

export const POD: Kind<Pod> = {
  apiVersion: CORE,
  kind: "Pod",
  plural: "pods",
  singular: "pod",
  shortNames: ["po"],
  categories: ["all"],
  isNamespaced: true,
  nameRule: "subdomain",
  schema: t.Object({ spec: t.Optional(spec), status: t.Optional(status) }),
  hasStatus: true,
  columns: [
    NAME_COLUMN,
    {
      name: "Ready",
      type: "string",
      description: "How many of its containers are ready",
      jsonPath: ".status.phase",
      value: readyCell,
    },
    {
      name: "Status",
      type: "string",
      description: "What it is doing",
      jsonPath: ".status.phase",
      value: statusCell,
    },
    {
      name: "Restarts",
      type: "string",
      description: "How often it was started again, and when it was last",
      jsonPath: ".status.containerStatuses[0].restartCount",
      value: restartsCell,
    },
    AGE_COLUMN,
    {
      name: "IP",
      type: "string",
      priority: 1,
      description: "Where it listens",
      jsonPath: ".status.podIP",
      value: ({ status }) => status?.podIP ?? "<none>",
    },
    {
      name: "Node",
      type: "string",
      priority: 1,
      description: "The machine it runs on",
      jsonPath: ".spec.nodeName",
      value: ({ spec }) => spec?.nodeName ?? "<none>",
    },
    {
      name: "Port",
      type: "string",
      priority: 1,
      description: "Where on the machine its port really is",
      jsonPath: ".status.ports[0].hostPort",
      value: portCell,
    },
  ],
  fields: ["spec.nodeName", "spec.restartPolicy", "status.phase", "status.podIP"],
  refuses: { create: WHY, update: WHY },
};

function readyCell({ spec, status }: Pod): Cell {
  const ready = status?.containerStatuses?.filter((it) => it.ready).length ?? 0;
  return `${ready}/${spec?.containers.length ?? 0}`;
}

function restartsCell({ status }: Pod, nowMs: number): Cell {
  const all = status?.containerStatuses ?? [];
  const count = all.reduce((sum, { restartCount }) => sum + restartCount, 0);
  const ends = all.map(({ lastState }) => Date.parse(lastState?.terminated?.finishedAt ?? ""));
  const lastMs = Math.max(...ends.filter((ms) => !Number.isNaN(ms)));
  if (count === 0 || lastMs === -Infinity) return String(count);
  return `${count} (${writeAge(nowMs - lastMs)} ago)`;
}

function portCell({ status }: Pod): Cell {
  const [port] = status?.ports ?? [];
  return port === undefined ? "<none>" : `${port.containerPort}:${port.hostPort}`;
}

/** As kubectl tells it: what its containers wait for or ended by, or else its phase. */
function statusCell({ metadata, status }: Pod): Cell {
  if (metadata.deletionTimestamp !== undefined) return "Terminating";
  const initial = initCell(status?.initContainerStatuses ?? []);
  if (initial !== undefined) return initial;
  const states = (status?.containerStatuses ?? []).map(({ state }) => state);
  const [why] = states.flatMap((state) => {
    if (state?.waiting?.reason) return [state.waiting.reason];
    return state?.terminated === undefined ? [] : [endOf(state.terminated)];
  });
  return why ?? status?.reason ?? status?.phase ?? "Unknown";
}

/** What holds the containers up that come after these, or nothing when none does. */
function initCell(all: readonly ContainerStatus[]): Cell | undefined {
  const at = all.findIndex(({ state }) => state?.terminated?.exitCode !== 0);
  const found = all[at]?.state;
  if (found === undefined) return undefined;
  if (found.terminated !== undefined) return `Init:${endOf(found.terminated)}`;
  const reason = found.waiting?.reason ?? "";
  return ["", "PodInitializing"].includes(reason) ? `Init:${at}/${all.length}` : `Init:${reason}`;
}

function endOf({ reason = "", signal = 0, exitCode }: Value<typeof terminated>): string {
  if (reason !== "") return reason;
  return signal === 0 ? `ExitCode:${exitCode}` : `Signal:${signal}`;
}
