import { t, type Value } from "../base/schema.ts";
import { type Cell, type Column, NAME_COLUMN } from "./column.ts";
import type { Kind } from "./kind.ts";
import type { Resource } from "./meta.ts";
import { readQuantity } from "./quantity.ts";

const apiVersion = "metrics.k8s.io/v1beta1";

const usage = t.MapOf(t.IntOrString());
const times = {
  /** When it was looked at, and over how long before the processor time is an average. */
  timestamp: t.String({ format: "date-time" }),
  window: t.String(),
};

const podFields = t.Object({
  ...times,
  containers: t.Array(t.Object({ name: t.String(), usage })),
});
const nodeFields = t.Object({ ...times, usage });

/** What the instance behind a Pod uses now. */
export type PodMetrics = Resource & Value<typeof podFields>;

/** What is used of a machine now. */
export type NodeMetrics = Resource & Value<typeof nodeFields>;

type Usage = Value<typeof usage>;

const WHY = "what is used is measured, not said";
const shared = {
  apiVersion,
  nameRule: "subdomain",
  hasStatus: false,
  isComputed: true,
  refuses: { create: WHY, update: WHY, delete: WHY },
} as const;

export const POD_METRICS: Kind<PodMetrics> = {
  ...shared,
  kind: "PodMetrics",
  plural: "pods",
  singular: "pod",
  isNamespaced: true,
  schema: podFields,
  columns: columnsFor(({ containers }) => containers.map((it) => it.usage)),
};

export const NODE_METRICS: Kind<NodeMetrics> = {
  ...shared,
  kind: "NodeMetrics",
  plural: "nodes",
  singular: "node",
  isNamespaced: false,
  schema: nodeFields,
  columns: columnsFor(({ usage }) => [usage]),
};

function columnsFor<R extends Resource>(
  usages: (resource: R) => readonly Usage[],
): readonly Column<R>[] {
  const sum = (resource: R, name: string) =>
    usages(resource).reduce((all, it) => all + (readQuantity(it[name] ?? 0) ?? 0), 0);
  const column = (name: string, description: string, value: (resource: R) => Cell): Column<R> => {
    return { name, type: "string", description, jsonPath: ".usage", value };
  };
  return [
    NAME_COLUMN,
    column("CPU", "Thousandths of a core", (it) => `${Math.round(sum(it, "cpu") * 1000)}m`),
    column("Memory", "In binary megabytes", (it) => `${Math.round(sum(it, "memory") / 2 ** 20)}Mi`),
    { name: "Window", type: "string", description: "Averaged over", jsonPath: ".window" },
  ];
}
