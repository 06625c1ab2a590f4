import { t, type Value } from "../base/schema.ts";
import { type Column, NAME_COLUMN } from "./column.ts";
import { RBAC } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { Resource } from "./meta.ts";
import { checkRules, type PolicyRule, policyRule } from "./rule.ts";

/** Who has it may make Revisions by hand, as `kn service import` does (spec/elafros O-5). */
export const IMPORTER = "varve:importer";

const rules = t.Optional(t.Array(policyRule));

const labelSelector = t.Object({
  matchLabels: t.Optional(t.MapOf(t.String())),
  matchExpressions: t.Optional(
    t.Array(
      t.Object({
        key: t.String(),
        operator: t.OneOf("In", "NotIn", "Exists", "DoesNotExist"),
        values: t.Optional(t.Array(t.String())),
      }),
    ),
  ),
});

const aggregationRule = t.Object({ clusterRoleSelectors: t.Optional(t.Array(labelSelector)) });

export type LabelSelector = Value<typeof labelSelector>;

/** What whoever it is bound to may do in its namespace. */
export interface Role extends Resource {
  readonly rules?: readonly PolicyRule[];
}

/** What whoever it is bound to may do, in one namespace or in all. */
export interface ClusterRole extends Role {
  /** Its rules are then those of the ClusterRoles that are selected, and written by us. */
  readonly aggregationRule?: Value<typeof aggregationRule>;
}

const COLUMNS: readonly Column[] = [
  NAME_COLUMN,
  {
    name: "Created At",
    type: "string",
    description: "Since when it is there",
    jsonPath: ".metadata.creationTimestamp",
  },
];

export const ROLE: Kind<Role> = {
  apiVersion: RBAC,
  kind: "Role",
  plural: "roles",
  singular: "role",
  isNamespaced: true,
  nameRule: "path",
  schema: t.Object({ rules }),
  hasStatus: false,
  columns: COLUMNS,
  validate: (next) => checkRules(next.rules, { isNamespaced: true }),
};

export const CLUSTER_ROLE: Kind<ClusterRole> = {
  apiVersion: RBAC,
  kind: "ClusterRole",
  plural: "clusterroles",
  singular: "clusterrole",
  isNamespaced: false,
  nameRule: "path",
  schema: t.Object({ rules, aggregationRule: t.Optional(aggregationRule) }),
  hasStatus: false,
  columns: COLUMNS,
  validate: (next) => [
    ...checkRules(next.rules, { isNamespaced: false }),
    ...checkSelectors(next.aggregationRule),
  ],
};

function checkSelectors(rule: ClusterRole["aggregationRule"]) {
  if (rule === undefined || (rule.clusterRoleSelectors ?? []).length > 0) return [];
  const message =
    "Required value: at least one clusterRoleSelector required if aggregationRule is non-nil";
  return [{ field: "aggregationRule.clusterRoleSelectors", message, reason: "FieldValueRequired" }];
}

/** Whether labels are as a selector wants them; an empty one selects everything. */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Readonly<Record<string, string>> = {},
): boolean {
  const isEqual = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return (
    isEqual &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === "Exists") return value !== undefined;
      if (operator === "DoesNotExist") return value === undefined;
      const isIn = value !== undefined && values.includes(value);
      return operator === "In" ? isIn : !isIn;
    })
  );
}

/** The rules of a ClusterRole that is put together of others: theirs, by name, each once. */
export function aggregatedRules(
  {
    metadata,
    aggregationRule,
  }: Pick<ClusterRole, "aggregationRule"> & {
    readonly metadata: { readonly name: string };
  },
  all: readonly Pick<ClusterRole, "rules" | "metadata">[],
): readonly PolicyRule[] {
  const selectors = aggregationRule?.clusterRoleSelectors ?? [];
  const chosen = all
    .filter((it) => it.metadata.name !== metadata.name)
    .filter((it) => selectors.some((selector) => selects(selector, it.metadata.labels)))
    .toSorted((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
  const rules = chosen.flatMap((it) => it.rules ?? []);
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}
