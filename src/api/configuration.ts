import { t, type Value } from "../base/schema.ts";
import { LATEST_COLUMNS, NAME_COLUMN, READY_COLUMNS } from "./column.ts";
import { servingStatusFields } from "./condition.ts";
import { SERVING } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { Draft, Resource } from "./meta.ts";
import { checkServingMeta, withAuthors } from "./serving.ts";
import { checkTemplate, imageOf, template, withTemplateDefaults } from "./template.ts";
import { denied } from "./violation.ts";

const spec = t.Object({ template: t.Optional(template) });

const status = t.Object({
  ...servingStatusFields,
  latestCreatedRevisionName: t.Optional(t.String()),
  latestReadyRevisionName: t.Optional(t.String()),
});

export type ConfigurationStatus = Value<typeof status>;

/** What should run, as its owner last said it. Each change of it becomes a Revision. */
export interface Configuration extends Resource {
  readonly spec: Value<typeof spec>;
  readonly status?: ConfigurationStatus;
}

export const CONFIGURATION: Kind<Configuration> = {
  apiVersion: SERVING,
  kind: "Configuration",
  plural: "configurations",
  singular: "configuration",
  shortNames: ["config", "cfg"],
  categories: ["all", "knative", "serving"],
  isNamespaced: true,
  nameRule: "dns1035",
  schema: t.Object({ spec: t.Optional(spec), status: t.Optional(status) }),
  hasStatus: true,
  columns: [NAME_COLUMN, ...LATEST_COLUMNS, ...READY_COLUMNS],
  prepare(draft, writing) {
    const template = withTemplateDefaults(draft.spec?.template ?? {}, {
      image: imageOf(draft.metadata),
      stored: writing.stored?.spec.template,
    });
    return withAuthors({ ...draft, spec: { template } }, writing);
  },
  validate: (next, { stored, unknown, limits }) => [
    ...checkServingMeta<Configuration>(next, { stored, limits }),
    ...checkTemplate(next.spec.template ?? {}, {
      ...parentOf(next, stored),
      stored: stored?.spec.template,
      unknown,
      limits,
    }),
  ],
  refuse: denied,
};

function parentOf({ metadata }: Draft<Configuration>, stored: Configuration | undefined) {
  const { name, generateName } = metadata;
  return { name, hasGenerateName: stored === undefined && generateName !== undefined };
}
