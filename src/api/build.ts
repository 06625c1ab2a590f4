import { isDeepStrictEqual } from "node:util";
import { t, type Value } from "../base/schema.ts";
import { checkBuildSpec } from "./build_check.ts";
import { type BuildSpec, buildSpec, DEFAULT_BUILD_TIMEOUT } from "./build_spec.ts";
import { NAME_COLUMN } from "./column.ts";
import { conditionOf, statusFields } from "./condition.ts";
import { checkForbidden } from "./forbidden.ts";
import { BUILDS } from "./group.ts";
import type { Check, Kind } from "./kind.ts";
import type { Draft, Resource } from "./meta.ts";
import { containerState } from "./pod.ts";
import { DEFAULT_ACCOUNT } from "./service_account.ts";
import { deniedBy, disallowed, invalidKey, type Violation } from "./violation.ts";

const time = t.Optional(t.String({ format: "date-time" }));

const status = t.Object({
  ...statusFields,
  /** Who runs it: "Cluster" is what Knative calls the platform itself. */
  builder: t.Optional(t.String()),
  cluster: t.Optional(t.Object({ namespace: t.String(), podName: t.String() })),
  startTime: time,
  completionTime: time,
  /** Of the steps, in their order; of sources there are none. */
  stepStates: t.Optional(t.Array(containerState)),
  /** The containers of the steps that have ended. */
  stepsCompleted: t.Optional(t.Array(t.String())),
  /** Where what it says can be read. */
  logUrl: t.Optional(t.String()),
});

export type BuildStatus = Value<typeof status>;

/** Containers that run one after the other over the same files (spec/elafros §9). */
export interface Build extends Resource {
  readonly spec: BuildSpec;
  readonly status?: BuildStatus;
}

/** On the Pod that shows a Build: its name. Knative's own label. */
export const BUILD_NAME_LABEL = "build.knative.dev/buildName";

export const BUILD_WEBHOOK = "webhook.build.knative.dev";

export const BUILD: Kind<Build> = {
  apiVersion: BUILDS,
  kind: "Build",
  plural: "builds",
  singular: "build",
  categories: ["all", "knative"],
  isNamespaced: true,
  nameRule: "subdomain",
  schema: t.Object({ spec: t.Optional(buildSpec), status: t.Optional(status) }),
  hasStatus: true,
  columns: [
    NAME_COLUMN,
    {
      name: "Succeeded",
      type: "string",
      description: "Whether it has done what it should",
      jsonPath: ".status.conditions[?(@.type=='Succeeded')].status",
    },
    {
      name: "Reason",
      type: "string",
      description: "Why it has not, in one word",
      jsonPath: ".status.conditions[?(@.type=='Succeeded')].reason",
    },
    {
      name: "StartTime",
      type: "date",
      description: "How long ago it began",
      jsonPath: ".status.startTime",
    },
    {
      name: "CompletionTime",
      type: "date",
      description: "How long ago it ended",
      jsonPath: ".status.completionTime",
    },
  ],
  prepare: (draft) => ({ ...draft, spec: withDefaults(draft.spec ?? {}) }),
  validate: (next, check) => [
    ...checkBuildSpec(next.spec),
    ...checkForbidden(check.unknown, "spec"),
    ...checkChange(next, check),
  ],
  refuse: (name, violations) => deniedBy(BUILD_WEBHOOK, { name, violations }),
};

/** As Knative fills them in, and without lists that are empty. */
function withDefaults(spec: BuildSpec): BuildSpec {
  const { serviceAccountName = "", timeout = "", template, steps, Status, ...rest } = spec;
  return {
    ...rest,
    ...(template !== undefined && {
      template: { ...template, kind: template.kind || "BuildTemplate" },
    }),
    ...(steps !== undefined && steps.length > 0 && { steps }),
    serviceAccountName: serviceAccountName || DEFAULT_ACCOUNT,
    timeout: timeout || DEFAULT_BUILD_TIMEOUT,
    ...(Status !== undefined && Status !== "" && { Status }),
  };
}

/** A Build that has begun is what it is; it can be cancelled, and not be turned into another. */
function checkChange(
  { spec }: Draft<Build>,
  { stored, unknown }: Check<Build>,
): readonly Violation[] {
  const misspelt = unknown.includes("spec.status")
    ? [invalidKey("spec.status", "status", 'it is written with a capital: "Status"')]
    : [];
  const hasBegun = stored?.status?.startTime !== undefined || isOver(stored);
  if (stored === undefined || !hasBegun) return misspelt;
  const { Status: _, ...now } = spec;
  const { Status: __, ...before } = stored.spec;
  if (isDeepStrictEqual(now, before)) return misspelt;
  const why = "it has begun, or ended, and does not change any more; make another Build";
  return [...misspelt, disallowed("spec", why)];
}

/** Whether it has ended, in one way or the other. */
export function isOver(build: Pick<Build, "status"> | undefined): boolean {
  const status = conditionOf(build?.status, "Succeeded")?.status ?? "Unknown";
  return status !== "Unknown";
}
