import { t, type Value } from "../base/schema.ts";
import { NAME_COLUMN, READY_COLUMNS, URL_COLUMN } from "./column.ts";
import { servingStatusFields } from "./condition.ts";
import { brief } from "./error.ts";
import { SERVING, SERVING_BETA } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { Draft, Resource } from "./meta.ts";
import { addressFields } from "./route.ts";
import { checkServingMeta, withAuthors } from "./serving.ts";
import { denied, disallowed, invalidValue, missing, type Violation } from "./violation.ts";

const reference = t.Object({
  apiVersion: t.Optional(t.String()),
  kind: t.Optional(t.String()),
  name: t.Optional(t.String()),
  /** That of the mapping, when it is said at all. */
  namespace: t.Optional(t.String()),
});

const spec = t.Object({
  /** The Service or Route that answers under this name. */
  ref: t.Optional(reference),
  /** A Secret of type kubernetes.io/tls, in the same namespace, whose certificate is served. */
  tls: t.Optional(t.Object({ secretName: t.String() })),
});

const { url, address } = addressFields;
const status = t.Object({ ...servingStatusFields, url, address });

/** A domain of one's own, by its name, for a Service or a Route (spec/elafros §4.7). */
export interface DomainMapping extends Resource {
  readonly spec: Value<typeof spec>;
  readonly status?: Value<typeof status>;
}

export const DOMAIN_MAPPING: Kind<DomainMapping> = {
  apiVersion: SERVING_BETA,
  kind: "DomainMapping",
  plural: "domainmappings",
  singular: "domainmapping",
  shortNames: ["dm"],
  categories: ["all", "knative", "serving"],
  isNamespaced: true,
  nameRule: "subdomain",
  schema: t.Object({ spec: t.Optional(spec), status: t.Optional(status) }),
  hasStatus: true,
  columns: [NAME_COLUMN, URL_COLUMN, ...READY_COLUMNS],
  prepare: (draft, writing) => withAuthors({ ...draft, spec: draft.spec ?? {} }, writing),
  validate: (next, { stored }) => [
    ...checkServingMeta<DomainMapping>(next, { stored }),
    ...checkName(next),
    ...checkReference(next),
    ...(next.spec.tls?.secretName === "" ? [missing("spec.tls.secretName")] : []),
  ],
  refuse: denied,
};

const INSIDE = "svc.cluster.local";

function checkName({ metadata }: Draft<DomainMapping>): Violation[] {
  const { name = "", generateName } = metadata;
  if (generateName !== undefined) {
    const why = "the name is the domain, and nobody wants a domain made up";
    return [disallowed("metadata.generateName", why)];
  }
  if (!name.includes(".")) {
    return [invalidValue("metadata.name", name, "a domain has at least one dot: shop.example.com")];
  }
  if (name !== INSIDE && !name.endsWith(`.${INSIDE}`)) return [];
  const why = `must not be a subdomain of cluster local domain "${INSIDE}"`;
  return [invalidValue("metadata.name", name, why)];
}

const KINDS: readonly string[] = ["Service", "Route"];

function checkReference({ metadata, spec }: Draft<DomainMapping>): Violation[] {
  const { ref } = spec;
  if (ref === undefined) return [missing("spec.ref")];
  const { name, namespace } = ref;
  const isAway = namespace !== undefined && namespace !== metadata.namespace;
  const where = `must be the namespace of the mapping, "${brief(metadata.namespace ?? "")}"`;
  return [
    ...(name === undefined || name === "" ? [missing("spec.ref.name")] : []),
    ...(KINDS.includes(ref.kind ?? "")
      ? []
      : [invalidValue("spec.ref.kind", ref.kind ?? "", `want ${KINDS.join(" or ")}`)]),
    ...(ref.apiVersion === SERVING
      ? []
      : [invalidValue("spec.ref.apiVersion", ref.apiVersion ?? "", `want ${SERVING}`)]),
    ...(isAway ? [invalidValue("spec.ref.namespace", namespace, where)] : []),
  ];
}
