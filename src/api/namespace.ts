import { t, type Value } from "../base/schema.ts";
import { AGE_COLUMN, NAME_COLUMN } from "./column.ts";
import { statusFields } from "./condition.ts";
import { CORE } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { DraftMeta, Resource } from "./meta.ts";
import { whyBadName } from "./name.ts";

/** Holds a deleted namespace back until nothing is left in it. */
export const NAMESPACE_FINALIZER = "kubernetes";

const spec = t.Object({ finalizers: t.Optional(t.Array(t.String())) });

const status = t.Object({
  ...statusFields,
  phase: t.Optional(t.OneOf("Active", "Terminating")),
});

/** A room of its own for names. What is in it goes with it. */
export interface Namespace extends Resource {
  readonly spec?: Value<typeof spec>;
  readonly status?: Value<typeof status>;
}

export const NAMESPACE: Kind<Namespace> = {
  apiVersion: CORE,
  kind: "Namespace",
  plural: "namespaces",
  singular: "namespace",
  shortNames: ["ns"],
  isNamespaced: false,
  nameRule: "label",
  schema: t.Object({ spec: t.Optional(spec), status: t.Optional(status) }),
  hasStatus: true,
  columns: [
    NAME_COLUMN,
    {
      name: "Status",
      type: "string",
      description: "Active, or Terminating while it is being emptied",
      jsonPath: ".status.phase",
    },
    AGE_COLUMN,
  ],
  fields: ["status.phase"],
  prepare: (draft, { stored }) => ({
    ...draft,
    metadata: withNameLabel(draft.metadata),
    spec: stored?.spec ?? { finalizers: [NAMESPACE_FINALIZER] },
    ...(stored === undefined && { status: { phase: "Active" as const } }),
  }),
};

/** Selectors of namespaces go by labels, so each carries its name as one, as in Kubernetes. */
function withNameLabel(metadata: DraftMeta): DraftMeta {
  const { name, labels } = metadata;
  if (name === undefined || whyBadName("label", name) !== undefined) return metadata;
  return { ...metadata, labels: { ...labels, "kubernetes.io/metadata.name": name } };
}
