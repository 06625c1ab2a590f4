import { t, type Value } from "../base/schema.ts";
import { NAME_COLUMN, READY_COLUMNS, URL_COLUMN } from "./column.ts";
import { servingStatusFields } from "./condition.ts";
import { SERVING } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { Resource } from "./meta.ts";
import { normal } from "./normal.ts";
import { rollout } from "./rollout.ts";
import { checkServingMeta, withAuthors } from "./serving.ts";
import { checkTraffic, trafficTarget, withTrafficDefaults } from "./traffic.ts";
import { denied, missing } from "./violation.ts";

const spec = t.Object({ traffic: t.Optional(t.Array(trafficTarget)) });

const address = t.Object({
  name: t.Optional(t.String()),
  url: t.Optional(t.String()),
  CACerts: t.Optional(t.String()),
  audience: t.Optional(t.String()),
});

/** Where a Route can be reached, and how its requests are shared out now. */
export const addressFields = {
  url: t.Optional(t.String()),
  address: t.Optional(address),
  /** Of Revisions alone: what was tracked is resolved. */
  traffic: t.Optional(t.Array(trafficTarget)),
};

const status = t.Object({
  ...servingStatusFields,
  ...addressFields,
  /** Domains of DomainMappings that every worker of the gateway serves it under. */
  domains: t.Optional(t.Array(t.String())),
  /** Gradual moves to a latest Revision that are under way. */
  rollouts: t.Optional(t.Array(rollout)),
});

export type RouteStatus = Value<typeof status>;

/** A name on the network, and which Revisions answer there. */
export interface Route extends Resource {
  readonly spec: Value<typeof spec>;
  readonly status?: RouteStatus;
}

export const ROUTE: Kind<Route> = {
  apiVersion: SERVING,
  kind: "Route",
  plural: "routes",
  singular: "route",
  shortNames: ["rt"],
  categories: ["all", "knative", "serving"],
  isNamespaced: true,
  nameRule: "dns1035",
  schema: t.Object({ spec: t.Optional(spec), status: t.Optional(status) }),
  hasStatus: true,
  columns: [NAME_COLUMN, URL_COLUMN, ...READY_COLUMNS],
  prepare(draft, writing) {
    const traffic = withTrafficDefaults(normal(draft.spec?.traffic ?? []));
    return withAuthors({ ...draft, spec: { ...(traffic.length > 0 && { traffic }) } }, writing);
  },
  validate(next, { stored }) {
    const { name = next.metadata.generateName ?? "" } = next.metadata;
    const { traffic } = next.spec;
    return [
      ...checkServingMeta<Route>(next, { stored }),
      ...(traffic === undefined
        ? [missing("spec.traffic")]
        : checkTraffic(traffic, { name, isOfService: false })),
    ];
  },
  refuse: denied,
};
