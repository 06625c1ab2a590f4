/** What stands in a field of a message. `bytes` become base64, as they are in JSON. */
export type FieldType = "string" | "int" | "bool" | "bytes" | "time" | Message;

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly shape: "one" | "list" | "map";
}

/** Fields by their number. */
export type Message = Readonly<Record<number, Field>>;

const one = (name: string, type: FieldType = "string"): Field => ({ name, type, shape: "one" });
const list = (name: string, type: FieldType = "string"): Field => ({ name, type, shape: "list" });
const map = (name: string, type: FieldType = "string"): Field => ({ name, type, shape: "map" });

const OWNER: Message = {
  1: one("kind"),
  3: one("name"),
  4: one("uid"),
  5: one("apiVersion"),
  6: one("controller", "bool"),
  7: one("blockOwnerDeletion", "bool"),
};

const METADATA: Message = {
  1: one("name"),
  2: one("generateName"),
  3: one("namespace"),
  5: one("uid"),
  6: one("resourceVersion"),
  7: one("generation", "int"),
  8: one("creationTimestamp", "time"),
  9: one("deletionTimestamp", "time"),
  10: one("deletionGracePeriodSeconds", "int"),
  11: map("labels"),
  12: map("annotations"),
  13: list("ownerReferences", OWNER),
  14: list("finalizers"),
};

const REFERENCE: Message = {
  1: one("kind"),
  2: one("namespace"),
  3: one("name"),
  4: one("uid"),
  5: one("apiVersion"),
  6: one("resourceVersion"),
  7: one("fieldPath"),
};

const RULE: Message = {
  1: list("verbs"),
  2: list("apiGroups"),
  3: list("resources"),
  4: list("resourceNames"),
  5: list("nonResourceURLs"),
};

const REQUIREMENT: Message = { 1: one("key"), 2: one("operator"), 3: list("values") };
const SELECTOR: Message = { 1: map("matchLabels"), 2: list("matchExpressions", REQUIREMENT) };

const BINDING: Message = {
  1: one("metadata", METADATA),
  2: list("subjects", { 1: one("kind"), 2: one("apiGroup"), 3: one("name"), 4: one("namespace") }),
  3: one("roleRef", { 1: one("apiGroup"), 2: one("kind"), 3: one("name") }),
};

const RESOURCE_ATTRIBUTES: Message = {
  1: one("namespace"),
  2: one("verb"),
  3: one("group"),
  4: one("version"),
  5: one("resource"),
  6: one("subresource"),
  7: one("name"),
};
const ACCESS: Message = {
  1: one("resourceAttributes", RESOURCE_ATTRIBUTES),
  2: one("nonResourceAttributes", { 1: one("path"), 2: one("verb") }),
};
const SUBJECT: Message = {
  ...ACCESS,
  3: one("user"),
  4: list("groups"),
  5: map("extra", { 1: list("items") }),
  6: one("uid"),
};
const BOUND: Message = { 1: one("kind"), 2: one("apiVersion"), 3: one("name"), 4: one("uid") };

const review = (spec: Message): Message => ({ 1: one("metadata", METADATA), 2: one("spec", spec) });

const CONDITION: Message = {
  1: one("type"),
  2: one("reason"),
  3: one("message"),
  4: one("lastUpdateTime", "time"),
  5: one("lastTransitionTime", "time"),
  6: one("status"),
};

const CORE: Readonly<Record<string, Message>> = {
  Namespace: {
    1: one("metadata", METADATA),
    2: one("spec", { 1: list("finalizers") }),
    3: one("status", { 1: one("phase") }),
  },
  ConfigMap: {
    1: one("metadata", METADATA),
    2: map("data"),
    3: map("binaryData", "bytes"),
    4: one("immutable", "bool"),
  },
  Secret: {
    1: one("metadata", METADATA),
    2: map("data", "bytes"),
    3: one("type"),
    4: map("stringData"),
    5: one("immutable", "bool"),
  },
  ServiceAccount: {
    1: one("metadata", METADATA),
    2: list("secrets", REFERENCE),
    3: list("imagePullSecrets", { 1: one("name") }),
    4: one("automountServiceAccountToken", "bool"),
  },
};

/** By the group of an apiVersion, and then by kind: what `kubectl` sends in this form. */
export const MESSAGES: Readonly<Record<string, Readonly<Record<string, Message>>>> = {
  "": CORE,
  "rbac.authorization.k8s.io": {
    Role: { 1: one("metadata", METADATA), 2: list("rules", RULE) },
    ClusterRole: {
      1: one("metadata", METADATA),
      2: list("rules", RULE),
      3: one("aggregationRule", { 1: list("clusterRoleSelectors", SELECTOR) }),
    },
    RoleBinding: BINDING,
    ClusterRoleBinding: BINDING,
  },
  "authorization.k8s.io": {
    SelfSubjectAccessReview: review(ACCESS),
    SubjectAccessReview: review(SUBJECT),
    LocalSubjectAccessReview: review(SUBJECT),
    SelfSubjectRulesReview: review({ 1: one("namespace") }),
  },
  "authentication.k8s.io": {
    SelfSubjectReview: { 1: one("metadata", METADATA) },
    TokenReview: review({ 1: one("token"), 2: list("audiences") }),
    TokenRequest: review({
      1: list("audiences"),
      3: one("boundObjectRef", BOUND),
      4: one("expirationSeconds", "int"),
    }),
  },
  "certificates.k8s.io": {
    CertificateSigningRequest: {
      1: one("metadata", METADATA),
      2: one("spec", {
        1: one("request", "bytes"),
        2: one("username"),
        3: one("uid"),
        4: list("groups"),
        5: list("usages"),
        6: map("extra", { 1: list("items") }),
        7: one("signerName"),
        8: one("expirationSeconds", "int"),
      }),
      3: one("status", { 1: list("conditions", CONDITION), 2: one("certificate", "bytes") }),
    },
  },
};

/** Of a deletion, whatever is deleted. */
export const DELETE_OPTIONS: Message = {
  1: one("gracePeriodSeconds", "int"),
  2: one("preconditions", { 1: one("uid"), 2: one("resourceVersion") }),
  3: one("orphanDependents", "bool"),
  4: one("propagationPolicy"),
  5: list("dryRun"),
};
