import { t } from "../base/schema.ts";
import { AGE_COLUMN, type Column, NAME_COLUMN } from "./column.ts";
import { statusFields } from "./condition.ts";
import { type Described, describedOf } from "./described.ts";
import { groupOf, versionOf } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { Draft, Resource } from "./meta.ts";

const names = t.Object({
  kind: t.String(),
  listKind: t.Optional(t.String()),
  plural: t.String(),
  singular: t.Optional(t.String()),
  shortNames: t.Optional(t.Array(t.String())),
  categories: t.Optional(t.Array(t.String())),
});

const column = t.Object({
  name: t.String(),
  type: t.String(),
  jsonPath: t.String(),
  description: t.Optional(t.String()),
  priority: t.Optional(t.Integer()),
});

const version = t.Object({
  name: t.String(),
  served: t.Boolean(),
  storage: t.Boolean(),
  schema: t.Object({ openAPIV3Schema: t.Open() }),
  subresources: t.Optional(t.Object({ status: t.Optional(t.Open()) })),
  additionalPrinterColumns: t.Optional(t.Array(column)),
});

const spec = t.Object({
  group: t.String(),
  scope: t.OneOf("Namespaced", "Cluster"),
  names,
  versions: t.Array(version),
});

const status = t.Object({
  ...statusFields,
  acceptedNames: t.Optional(names),
  storedVersions: t.Optional(t.Array(t.String())),
});

const WHY = "the kinds of this server are a part of it: there is nothing to define or change";

/** How one of our own kinds looks, for tools that ask a cluster what it can hold. */
export const CUSTOM_RESOURCE_DEFINITION: Kind = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  singular: "customresourcedefinition",
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  isNamespaced: false,
  nameRule: "subdomain",
  schema: t.Object({ spec, status: t.Optional(status) }),
  hasStatus: true,
  columns: [
    NAME_COLUMN,
    {
      name: "Created At",
      type: "string",
      description: "Since when it is there",
      jsonPath: ".metadata.creationTimestamp",
    },
  ],
  refuses: { create: WHY, update: WHY, delete: WHY },
};

/** The definition of a kind, as a cluster would be given it. */
export function definitionOf(kind: Kind): Draft<Resource> {
  const { plural, singular, shortNames, categories, isNamespaced, hasStatus } = kind;
  const group = groupOf(kind.apiVersion);
  const { apiVersion, kind: type } = CUSTOM_RESOURCE_DEFINITION;
  const own = [NAME_COLUMN, AGE_COLUMN];
  const served = {
    ...{ name: versionOf(kind.apiVersion), served: true, storage: true },
    schema: { openAPIV3Schema: structural(kind) },
    ...(hasStatus && { subresources: { status: {} } }),
    additionalPrinterColumns: kind.columns.filter((it) => !own.includes(it)).map(printed),
  };
  const called = {
    ...{ kind: kind.kind, listKind: `${kind.kind}List`, plural, singular },
    ...(shortNames && { shortNames }),
    ...(categories && { categories }),
  };
  const scope = isNamespaced ? "Namespaced" : "Cluster";
  return {
    ...{ apiVersion, kind: type, metadata: { name: `${plural}.${group}` } },
    spec: { group, scope, names: called, versions: [served] },
  } as Draft<Resource>;
}

/** What the status of a definition says: it is served, for it is always. */
export function establishedStatus(kind: Kind) {
  const said = (type: string, reason: string, message: string) => {
    return { type, status: "True" as const, reason, message };
  };
  return {
    conditions: [
      said("NamesAccepted", "NoConflicts", "no conflicts found"),
      said("Established", "InitialNamesAccepted", "the kind is served"),
    ],
    storedVersions: [versionOf(kind.apiVersion)],
  };
}

function printed({ name, type, jsonPath, description, priority }: Column): object {
  const more = { ...(description && { description }), ...(priority && { priority }) };
  return { name, type, jsonPath, ...more };
}

/** The schema of a kind in the form that Kubernetes asks of definitions. */
function structural(kind: Kind): object {
  const { properties = {}, ...whole } = plain(describedOf(kind)) as Described;
  const metadata = { type: "object", description: properties["metadata"]?.description };
  return { ...whole, properties: { ...properties, metadata } };
}

function plain(shape: Described): object {
  const { properties, items, additionalProperties, ...rest } = shape;
  const { type, ...untyped } = rest;
  const isEither = Array.isArray(type);
  const fields = Object.entries(properties ?? {}).map(([name, it]) => [name, plain(it)]);
  const isAnything = type === undefined && properties === undefined;
  return {
    ...(isEither ? untyped : rest),
    ...(isAnything && { "x-kubernetes-preserve-unknown-fields": true }),
    ...(properties !== undefined && { properties: Object.fromEntries(fields) }),
    ...(items !== undefined && { items: plain(items) }),
    ...(typeof additionalProperties === "object" && {
      additionalProperties: plain(additionalProperties),
    }),
  };
}
