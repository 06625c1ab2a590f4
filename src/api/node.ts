import { t, type Value } from "../base/schema.ts";
import { AGE_COLUMN, type Cell, type Column, NAME_COLUMN } from "./column.ts";
import { CORE } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { Resource } from "./meta.ts";

const text = t.Optional(t.String());
const time = t.Optional(t.String({ format: "date-time" }));
const quantities = t.Optional(t.MapOf(t.IntOrString()));

const condition = t.Object({
  type: t.String(),
  status: t.OneOf("True", "False", "Unknown"),
  reason: text,
  message: text,
  /** When somebody looked last. */
  lastHeartbeatTime: time,
  lastTransitionTime: time,
});

const nodeInfo = t.Object({
  machineID: t.String(),
  systemUUID: t.String(),
  bootID: t.String(),
  kernelVersion: t.String(),
  osImage: t.String(),
  containerRuntimeVersion: t.String(),
  kubeletVersion: t.String(),
  kubeProxyVersion: t.String(),
  operatingSystem: t.String(),
  architecture: t.String(),
});

const spec = t.Object({ providerID: text, unschedulable: t.Optional(t.Boolean()) });

const status = t.Object({
  capacity: quantities,
  allocatable: quantities,
  conditions: t.Optional(t.MapList(condition, "type")),
  addresses: t.Optional(t.Array(t.Object({ type: t.String(), address: t.String() }))),
  nodeInfo: t.Optional(nodeInfo),
});

export type NodeStatus = Value<typeof status>;
export type NodeCondition = Value<typeof condition>;

/** The name of this machine among Nodes, and on the Pods that run on it. */
export const THIS_NODE = "local";

/** A view of a machine that runs instances: for `kubectl get nodes` and `describe node`. */
export interface Node extends Resource {
  readonly spec?: Value<typeof spec>;
  readonly status?: NodeStatus;
}

const WHY = "Nodes show the machines that run instances, as they are";
const ROLE = "node-role.kubernetes.io/";

function wide(name: string, description: string, value: (node: Node) => Cell): Column<Node> {
  return { name, type: "string", priority: 1, description, jsonPath: ".status", value };
}

export const NODE: Kind<Node> = {
  apiVersion: CORE,
  kind: "Node",
  plural: "nodes",
  singular: "node",
  shortNames: ["no"],
  isNamespaced: false,
  nameRule: "subdomain",
  schema: t.Object({ spec: t.Optional(spec), status: t.Optional(status) }),
  hasStatus: true,
  columns: [
    NAME_COLUMN,
    {
      name: "Status",
      type: "string",
      description: "Whether it can run instances",
      jsonPath: ".status.conditions[?(@.type=='Ready')].status",
      value: readyCell,
    },
    {
      name: "Roles",
      type: "string",
      description: "What it is there for",
      jsonPath: ".metadata.labels",
      value: rolesCell,
    },
    AGE_COLUMN,
    {
      name: "Version",
      type: "string",
      description: "Of what runs instances there",
      jsonPath: ".status.nodeInfo.kubeletVersion",
    },
    wide("Internal-IP", "Where it is reached from within", (it) => addressOf(it, "InternalIP")),
    wide("External-IP", "Where it is reached from outside", (it) => addressOf(it, "ExternalIP")),
    wide("OS-Image", "Its operating system", (it) => infoOf(it, "osImage")),
    wide("Kernel-Version", "Its kernel", (it) => infoOf(it, "kernelVersion")),
    wide("Container-Runtime", "What runs instances", (it) => infoOf(it, "containerRuntimeVersion")),
  ],
  fields: ["spec.unschedulable"],
  refuses: { create: WHY, update: WHY, delete: WHY },
};

function readyCell({ status, spec: { unschedulable = false } = {} }: Node): Cell {
  const ready = status?.conditions?.find(({ type }) => type === "Ready")?.status;
  const word = ready === "True" ? "Ready" : ready === "False" ? "NotReady" : "Unknown";
  return unschedulable ? `${word},SchedulingDisabled` : word;
}

function rolesCell({ metadata: { labels = {} } }: Node): Cell {
  const roles = Object.keys(labels).filter((it) => it.startsWith(ROLE));
  return roles.map((it) => it.slice(ROLE.length)).join(",") || "<none>";
}

function addressOf({ status }: Node, type: string): Cell {
  return status?.addresses?.find((it) => it.type === type)?.address ?? "<none>";
}

function infoOf({ status }: Node, key: keyof NonNullable<NodeStatus["nodeInfo"]>): Cell {
  return status?.nodeInfo?.[key] ?? "<unknown>";
}
