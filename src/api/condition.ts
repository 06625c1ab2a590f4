import { t, type Value } from "../base/schema.ts";

const condition = t.Object({
  type: t.String(),
  status: t.OneOf("True", "False", "Unknown"),
  /** "" is an error: it counts for Ready. "Warning" and "Info" do not. */
  severity: t.Optional(t.OneOf("", "Warning", "Info")),
  /** For programs: one CamelCase word. */
  reason: t.Optional(t.String()),
  /** For people. */
  message: t.Optional(t.String()),
  /** When `status` last changed. The controller stamps it, so no reconciler reads a clock. */
  lastTransitionTime: t.Optional(t.String({ format: "date-time" })),
});

/** What every status of ours holds. Spread it into the schema of a kind's status. */
export const statusFields = {
  observedGeneration: t.Optional(t.Integer()),
  conditions: t.Optional(t.MapList(condition, "type")),
};

/** The same for the kinds of Knative, which let a status carry notes as well. */
export const servingStatusFields = {
  ...statusFields,
  annotations: t.Optional(t.MapOf(t.String())),
};

/** What we know of one aspect of a resource. */
export type Condition = Value<typeof condition>;

export interface ResourceStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
}

export const READY: Condition = ok("Ready");

/** It holds. */
export function ok(type: string): Condition {
  return { type, status: "True" };
}

/** The owner must act. */
export function failed(reason: string, message: string, type = "Ready"): Condition {
  return { type, status: "False", reason, message };
}

/** We are at work, or waiting. */
export function pending(reason: string, message: string, type = "Ready"): Condition {
  return { type, status: "Unknown", reason, message };
}

/** The same, said of another aspect. */
export function as(type: string, { status, reason, message }: Condition): Condition {
  return { type, status, ...(reason !== undefined && { reason, message: message ?? "" }) };
}

/**
 * Ready, from what it depends on: the first False decides, else the first Unknown
 * (spec/elafros §3.7 C4). Conditions of a severity do not count.
 */
export function readyFrom(parts: readonly Condition[]): Condition {
  const counted = parts.filter(({ severity = "" }) => severity === "");
  const worst =
    counted.find(({ status }) => status === "False") ??
    counted.find(({ status }) => status === "Unknown");
  return worst === undefined ? READY : as("Ready", worst);
}

export function conditionOf(
  status: ResourceStatus | undefined,
  type: string,
): Condition | undefined {
  return status?.conditions?.find((it) => it.type === type);
}

/** Whether the resource is ready, and says so of the spec it has now (spec/elafros §3.7 C7). */
export function isReady(resource: {
  readonly metadata: { readonly generation?: number };
  readonly status?: ResourceStatus;
}): boolean {
  const { metadata, status } = resource;
  if (status?.observedGeneration !== metadata.generation) return false;
  return conditionOf(status, "Ready")?.status === "True";
}
