import { isDeepStrictEqual } from "node:util";
import { t, type Value } from "../base/schema.ts";
import { AGE_COLUMN, type Column, NAME_COLUMN } from "./column.ts";
import { brief } from "./error.ts";
import { groupOf, RBAC } from "./group.ts";
import type { Check, Kind } from "./kind.ts";
import type { Draft, Resource } from "./meta.ts";
import { whyBadName } from "./name.ts";
import { at, type Violation } from "./violation.ts";

const GROUP = groupOf(RBAC);

const subject = t.Object({
  kind: t.String(),
  apiGroup: t.Optional(t.String()),
  name: t.String(),
  namespace: t.Optional(t.String()),
});

const roleRef = t.Object({
  apiGroup: t.Optional(t.String()),
  kind: t.String(),
  name: t.String(),
});

const schema = t.Object({ subjects: t.Optional(t.Array(subject)), roleRef });

export type Subject = Value<typeof subject>;
export type RoleRef = Value<typeof roleRef>;

/** Who has a role: in the namespace of the binding, or everywhere when it has none. */
export interface RoleBinding extends Resource {
  readonly subjects?: readonly Subject[];
  /** Never changes: what was granted to some must not become something else. */
  readonly roleRef: RoleRef;
}

const namesOf =
  (kind: string) =>
  ({ subjects = [] }: RoleBinding) =>
    subjects
      .filter((it) => it.kind === kind)
      .map(({ namespace, name }) => (kind === "ServiceAccount" ? `${namespace}/${name}` : name))
      .join(", ");

const wide = (name: string, kind: string): Column<RoleBinding> => ({
  name,
  type: "string",
  priority: 1,
  description: `Who of this sort has it (${kind})`,
  jsonPath: ".subjects",
  value: namesOf(kind),
});

const COLUMNS: readonly Column<RoleBinding>[] = [
  NAME_COLUMN,
  {
    name: "Role",
    type: "string",
    description: "What they have",
    jsonPath: ".roleRef",
    value: ({ roleRef }: RoleBinding) => (roleRef ? `${roleRef.kind}/${roleRef.name}` : null),
  },
  AGE_COLUMN,
  wide("Users", "User"),
  wide("Groups", "Group"),
  wide("ServiceAccounts", "ServiceAccount"),
];

const SHARED = {
  apiVersion: RBAC,
  nameRule: "path",
  schema,
  hasStatus: false,
  columns: COLUMNS,
  prepare: withGroups,
} as const;

export const ROLE_BINDING: Kind<RoleBinding> = {
  ...SHARED,
  kind: "RoleBinding",
  plural: "rolebindings",
  singular: "rolebinding",
  isNamespaced: true,
  validate: (next, check) => checkBinding(next, { ...check, kinds: ["Role", "ClusterRole"] }),
};

export const CLUSTER_ROLE_BINDING: Kind<RoleBinding> = {
  ...SHARED,
  kind: "ClusterRoleBinding",
  plural: "clusterrolebindings",
  singular: "clusterrolebinding",
  isNamespaced: false,
  validate: (next, check) => checkBinding(next, { ...check, kinds: ["ClusterRole"] }),
};

/** Says the groups that go without saying. */
function withGroups(draft: Draft<RoleBinding>): Draft<RoleBinding> {
  const { roleRef: role, subjects } = draft;
  const named = subjects?.map((it) =>
    it.kind === "ServiceAccount" || (it.apiGroup ?? "") !== "" ? it : { ...it, apiGroup: GROUP },
  );
  return {
    ...draft,
    roleRef: (role.apiGroup ?? "") === "" ? { ...role, apiGroup: GROUP } : role,
    ...(named !== undefined && { subjects: named }),
  };
}

interface BindingCheck extends Check<RoleBinding> {
  /** What may be bound. */
  readonly kinds: readonly string[];
}

function checkBinding(
  { roleRef: role, subjects = [] }: Draft<RoleBinding>,
  { stored, kinds }: BindingCheck,
): readonly Violation[] {
  const bad = subjects.flatMap((it, index) => checkSubject(it, at("subjects", index)));
  if (stored !== undefined && !isDeepStrictEqual(stored.roleRef, role)) {
    const message = `Invalid value: ${brief(role)}: cannot change roleRef`;
    return [...bad, { field: "roleRef", message, reason: "FieldValueInvalid" }];
  }
  return [
    ...oneOf(at("roleRef", "apiGroup"), role.apiGroup, [GROUP]),
    ...oneOf(at("roleRef", "kind"), role.kind, kinds),
    ...checkName(at("roleRef", "name"), role.name, "path"),
    ...bad,
  ];
}

function checkSubject({ kind, apiGroup = "", name, namespace = "" }: Subject, path: string) {
  if (kind !== "ServiceAccount") {
    return [
      ...oneOf(at(path, "kind"), kind, ["ServiceAccount", "User", "Group"]),
      ...(name === "" ? [required(at(path, "name"))] : []),
      ...oneOf(at(path, "apiGroup"), apiGroup, [GROUP]),
    ];
  }
  return [
    ...checkName(at(path, "name"), name, "subdomain"),
    ...oneOf(at(path, "apiGroup"), apiGroup, [""]),
    ...(namespace === "" ? [required(at(path, "namespace"))] : []),
  ];
}

function checkName(field: string, name: string, rule: "path" | "subdomain"): Violation[] {
  if (name === "") return [required(field)];
  const why = whyBadName(rule, name);
  if (why === undefined) return [];
  const message = `Invalid value: "${brief(name)}": ${why}`;
  return [{ field, message, reason: "FieldValueInvalid" }];
}

function required(field: string): Violation {
  return { field, message: "Required value", reason: "FieldValueRequired" };
}

function oneOf(field: string, value = "", allowed: readonly string[] = []): Violation[] {
  if (allowed.includes(value)) return [];
  const list = allowed.map((it) => JSON.stringify(it)).join(", ");
  const message = `Unsupported value: ${JSON.stringify(brief(value))}: supported values: ${list}`;
  return [{ field, message, reason: "FieldValueNotSupported" }];
}
