import { groupOf, RBAC } from "./group.ts";
import type { Kind } from "./kind.ts";
import { KINDS } from "./kinds.ts";
import type { Draft } from "./meta.ts";
import { aggregatedRules, CLUSTER_ROLE, type ClusterRole, IMPORTER } from "./role.ts";
import { CLUSTER_ROLE_BINDING, type RoleBinding } from "./role_binding.ts";
import { EVERYTHING, type PolicyRule } from "./rule.ts";

/** When this is not "false" on a role, what a newer version adds to it is added at start. */
export const AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate";

const READ = ["get", "list", "watch"];
const WRITE = ["create", "delete", "deletecollection", "patch", "update"];
const RBAC_GROUP = groupOf(RBAC);
const SERVING_GROUP = "serving.knative.dev";

const AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-";

/** The ClusterRoles that are always there: Kubernetes' own for users, and ours. */
export function defaultRoles(kinds: readonly Kind[] = KINDS): readonly ClusterRole[] {
  const parts = [
    role("system:aggregate-to-view", viewRules(kinds), { to: "view" }),
    role("system:aggregate-to-edit", editRules(kinds), { to: "edit" }),
    role("system:aggregate-to-admin", adminRules(), { to: "admin" }),
    role(IMPORTER, IMPORTING),
    role("cluster-admin", EVERYTHING),
    role("system:discovery", [{ verbs: ["get"], nonResourceURLs: DISCOVERY }]),
    role("system:basic-user", ABOUT_ONESELF),
    role("system:auth-delegator", ABOUT_OTHERS),
    role("system:service-account-issuer-discovery", [{ verbs: ["get"], nonResourceURLs: ISSUER }]),
  ];
  // Who may edit may view, and who is admin may both.
  const view = composed("view", { of: parts, to: "edit" });
  const edit = composed("edit", { of: [...parts, view], to: "admin" });
  return [...parts, view, edit, composed("admin", { of: [...parts, view, edit] })];
}

/** The ClusterRoleBindings that are always there. */
export function defaultBindings(): readonly Draft<RoleBinding>[] {
  return [
    binding("cluster-admin", "system:masters"),
    binding("system:discovery", "system:authenticated"),
    binding("system:basic-user", "system:authenticated"),
    binding("system:service-account-issuer-discovery", "system:serviceaccounts"),
  ];
}

/** Whatever is in a namespace, but what is secret and what rights are made of. */
function viewRules(kinds: readonly Kind[]): readonly PolicyRule[] {
  const open = kinds.filter((kind) => isOrdinary(kind) && kind.isSecret !== true);
  const of = (group: string) => {
    const own = open.filter(({ apiVersion }) => groupOf(apiVersion) === group);
    const status = own.filter(({ hasStatus }) => hasStatus).map(({ plural }) => `${plural}/status`);
    const verify = group === SERVING_GROUP ? ["revisions/verify"] : [];
    const more = group === "" ? ["namespaces", "pods/log"] : ["*/scale", ...verify];
    const resources = [...own.map(({ plural }) => plural), ...status, ...more];
    return { verbs: READ, apiGroups: [group], resources };
  };
  return [
    ...groupsOf(open).map(of),
    { verbs: READ, apiGroups: ["events.k8s.io"], resources: ["events"] },
    { verbs: READ, apiGroups: ["metrics.k8s.io"], resources: ["pods"] },
  ];
}

function editRules(kinds: readonly Kind[]): readonly PolicyRule[] {
  const all = kinds.filter((kind) => isOrdinary(kind) && kind.kind !== "Event");
  const of = (group: string) => {
    const own = all.filter(({ apiVersion }) => groupOf(apiVersion) === group);
    const more = group === "" ? ["pods/eviction"] : ["*/scale"];
    const resources = [...own.map(({ plural }) => plural), ...more];
    return { verbs: WRITE, apiGroups: [group], resources };
  };
  const secret = all.filter(({ isSecret }) => isSecret).map(({ plural }) => plural);
  return [
    ...groupsOf(all).map(of),
    { verbs: READ, apiGroups: [""], resources: secret },
    { verbs: ["impersonate"], apiGroups: [""], resources: ["serviceaccounts"] },
    { verbs: ["create"], apiGroups: [""], resources: ["serviceaccounts/token"] },
    {
      verbs: ["get", "create"],
      apiGroups: [""],
      resources: ["pods/attach", "pods/exec", "pods/portforward"],
    },
    { verbs: ["get", "update"], apiGroups: ["varve.dev"], resources: ["uploads"] },
  ];
}

function adminRules(): readonly PolicyRule[] {
  return [
    { verbs: [...READ, ...WRITE], apiGroups: [RBAC_GROUP], resources: ["roles", "rolebindings"] },
    {
      verbs: ["create"],
      apiGroups: ["authorization.k8s.io"],
      resources: ["localsubjectaccessreviews"],
    },
  ];
}

const IMPORTING: readonly PolicyRule[] = [
  {
    verbs: ["get", "list", "watch", "create", "update", "patch"],
    apiGroups: [SERVING_GROUP],
    resources: ["services", "configurations", "routes"],
  },
  {
    verbs: ["get", "list", "watch", "create"],
    apiGroups: [SERVING_GROUP],
    resources: ["revisions"],
  },
];

const DISCOVERY = [
  ...["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"],
  ...["/healthz", "/livez", "/readyz", "/version", "/version/"],
];

const ISSUER = ["/.well-known/openid-configuration", "/openid/v1/jwks"];

const ABOUT_ONESELF: readonly PolicyRule[] = [
  {
    verbs: ["create"],
    apiGroups: ["authorization.k8s.io"],
    resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
  },
  {
    verbs: ["create"],
    apiGroups: ["authentication.k8s.io"],
    resources: ["selfsubjectreviews"],
  },
];

const ABOUT_OTHERS: readonly PolicyRule[] = [
  { verbs: ["create"], apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"] },
  { verbs: ["create"], apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"] },
];

function isOrdinary({ isNamespaced, apiVersion }: Kind): boolean {
  return isNamespaced && groupOf(apiVersion) !== RBAC_GROUP;
}

function groupsOf(kinds: readonly Kind[]): readonly string[] {
  return [...new Set(kinds.map(({ apiVersion }) => groupOf(apiVersion)))];
}

interface Joining {
  /** Of which it is a part. */
  readonly to?: string;
}

function role(name: string, rules: readonly PolicyRule[], { to }: Joining = {}): ClusterRole {
  const { apiVersion, kind } = CLUSTER_ROLE;
  const labels = { ...BOOTSTRAPPING, ...(to !== undefined && { [`${AGGREGATE}${to}`]: "true" }) };
  const metadata = { name, labels, annotations: { [AUTOUPDATE]: "true" } };
  return { apiVersion, kind, metadata, rules } as unknown as ClusterRole;
}

const BOOTSTRAPPING = { "kubernetes.io/bootstrapping": "rbac-defaults" };

interface Composing extends Joining {
  readonly of: readonly ClusterRole[];
}

function composed(name: string, { of: all, to }: Composing): ClusterRole {
  const matchLabels = { [`${AGGREGATE}${name}`]: "true" };
  const aggregationRule = { clusterRoleSelectors: [{ matchLabels }] };
  const empty = { ...role(name, [], { ...(to !== undefined && { to }) }), aggregationRule };
  return { ...empty, rules: aggregatedRules(empty, all) };
}

function binding(name: string, group: string): Draft<RoleBinding> {
  const { apiVersion, kind } = CLUSTER_ROLE_BINDING;
  const metadata = { name, labels: BOOTSTRAPPING, annotations: { [AUTOUPDATE]: "true" } };
  return {
    ...{ apiVersion, kind, metadata },
    roleRef: { apiGroup: RBAC_GROUP, kind: CLUSTER_ROLE.kind, name },
    subjects: [{ kind: "Group", apiGroup: RBAC_GROUP, name: group }],
  };
}
