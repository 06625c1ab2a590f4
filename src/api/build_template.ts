import { t } from "../base/schema.ts";
import { BUILD_WEBHOOK } from "./build.ts";
import { checkTemplateSpec } from "./build_check.ts";
import { type BuildTemplateSpec, buildTemplateSpec } from "./build_spec.ts";
import { AGE_COLUMN, NAME_COLUMN } from "./column.ts";
import { checkForbidden } from "./forbidden.ts";
import { BUILDS } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { Resource } from "./meta.ts";
import { deniedBy } from "./violation.ts";

/** Steps with parameters, which many Builds use (spec/elafros §9). */
export interface BuildTemplate extends Resource {
  readonly spec: BuildTemplateSpec;
}

const shared: Omit<Kind<BuildTemplate>, "kind" | "plural" | "singular" | "isNamespaced"> = {
  apiVersion: BUILDS,
  categories: ["all", "knative"],
  nameRule: "subdomain",
  schema: t.Object({ spec: t.Optional(buildTemplateSpec) }),
  hasStatus: false,
  columns: [NAME_COLUMN, AGE_COLUMN],
  prepare: (draft) => ({ ...draft, spec: draft.spec ?? {} }),
  validate: ({ spec }, { unknown }) => [
    ...checkTemplateSpec(spec),
    ...checkForbidden(unknown, "spec"),
  ],
  refuse: (name, violations) => deniedBy(BUILD_WEBHOOK, { name, violations }),
};

export const BUILD_TEMPLATE: Kind<BuildTemplate> = {
  ...shared,
  kind: "BuildTemplate",
  plural: "buildtemplates",
  singular: "buildtemplate",
  isNamespaced: true,
};

/** The same for all namespaces. */
export const CLUSTER_BUILD_TEMPLATE: Kind<BuildTemplate> = {
  ...shared,
  kind: "ClusterBuildTemplate",
  plural: "clusterbuildtemplates",
  singular: "clusterbuildtemplate",
  isNamespaced: false,
};
