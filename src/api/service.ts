import { t, type Value } from "../base/schema.ts";
import { LATEST_COLUMNS, NAME_COLUMN, READY_COLUMNS, URL_COLUMN } from "./column.ts";
import { servingStatusFields } from "./condition.ts";
import { SERVING } from "./group.ts";
import type { Kind } from "./kind.ts";
import { LABEL } from "./labels.ts";
import type { Resource } from "./meta.ts";
import { normal } from "./normal.ts";
import { addressFields } from "./route.ts";
import { floorIn, withFloorIn } from "./scale.ts";
import { checkServingMeta, withAuthors } from "./serving.ts";
import { checkTemplate, imageOf, template, withTemplateDefaults } from "./template.ts";
import { checkTraffic, trafficTarget, withTrafficDefaults } from "./traffic.ts";
import { denied } from "./violation.ts";

const spec = t.Object({
  template: t.Optional(template),
  traffic: t.Optional(t.Array(trafficTarget)),
});

const status = t.Object({
  ...servingStatusFields,
  ...addressFields,
  latestCreatedRevisionName: t.Optional(t.String()),
  latestReadyRevisionName: t.Optional(t.String()),
});

export type ServiceStatus = Value<typeof status>;

/** A Configuration and a Route of one name, and what most people ever need. */
export interface Service extends Resource {
  readonly spec: Value<typeof spec>;
  readonly status?: ServiceStatus;
}

export const SERVICE: Kind<Service> = {
  apiVersion: SERVING,
  kind: "Service",
  plural: "services",
  singular: "service",
  shortNames: ["kservice", "ksvc"],
  categories: ["all", "knative", "serving"],
  isNamespaced: true,
  nameRule: "dns1035",
  schema: t.Object({ spec: t.Optional(spec), status: t.Optional(status) }),
  hasStatus: true,
  columns: [NAME_COLUMN, URL_COLUMN, ...LATEST_COLUMNS, ...READY_COLUMNS],
  // How many instances a release has is a part of it: another floor makes another Revision.
  scale: {
    floor: ({ spec }) => floorIn(spec.template?.metadata?.annotations),
    selector: ({ metadata }) => `${LABEL.service}=${metadata.name}`,
    withFloor(draft, replicas) {
      const { template = {} } = draft.spec;
      const annotations = withFloorIn(template.metadata?.annotations, replicas);
      const metadata = { ...template.metadata, annotations };
      return { ...draft, spec: { ...draft.spec, template: { ...template, metadata } } };
    },
  },
  prepare(draft, writing) {
    const { template = {}, traffic = [] } = draft.spec ?? {};
    const targets = normal(traffic);
    const all = [{ latestRevision: true, percent: 100 }];
    const spec = {
      template: withTemplateDefaults(template, {
        image: imageOf(draft.metadata),
        stored: writing.stored?.spec.template,
      }),
      traffic: targets.length === 0 ? all : withTrafficDefaults(targets),
    };
    return withAuthors({ ...draft, spec }, writing);
  },
  validate(next, { stored, unknown, limits }) {
    const { name, generateName } = next.metadata;
    const hasGenerateName = stored === undefined && generateName !== undefined;
    const parent = { name, hasGenerateName, stored: stored?.spec.template, unknown, limits };
    return [
      ...checkServingMeta<Service>(next, { stored, limits }),
      ...checkTemplate(next.spec.template ?? {}, parent),
      ...checkTraffic(next.spec.traffic ?? [], {
        name: name ?? generateName ?? "",
        isOfService: true,
      }),
    ];
  },
  refuse: denied,
};
