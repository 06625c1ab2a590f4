import { t } from "../base/schema.ts";
import { AGE_COLUMN, NAME_COLUMN, READY_COLUMNS } from "./column.ts";
import { type ResourceStatus, statusFields } from "./condition.ts";
import { VARVE } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { Resource } from "./meta.ts";
import { checkPolicy } from "./traffic_policy_check.ts";
import { policySpec, type TrafficPolicySpec } from "./traffic_policy_schema.ts";

/**
 * What the gateway does with the requests to one Route, beyond sharing them out by percent: who is
 * sent elsewhere, and what they must pass. It belongs to the Route, or Service, of its own name.
 */
export interface TrafficPolicy extends Resource {
  readonly spec: TrafficPolicySpec;
  readonly status?: ResourceStatus;
}

export const TRAFFIC_POLICY: Kind<TrafficPolicy> = {
  apiVersion: VARVE,
  kind: "TrafficPolicy",
  plural: "trafficpolicies",
  singular: "trafficpolicy",
  shortNames: ["tp"],
  categories: ["varve"],
  isNamespaced: true,
  nameRule: "dns1035",
  schema: t.Object({ spec: t.Optional(policySpec), status: t.Optional(t.Object(statusFields)) }),
  hasStatus: true,
  columns: [NAME_COLUMN, ...READY_COLUMNS, AGE_COLUMN],
  prepare: (draft) => ({ ...draft, spec: draft.spec ?? {} }),
  validate: ({ spec }, { unknown }) => [
    // Whoever misspells a policy would think that it holds.
    ...unknown
      .filter((field) => field.startsWith("spec."))
      .map((field) => ({
        field,
        message: "Unknown field: a policy that is not read is none; see the documentation",
        reason: "FieldValueInvalid",
      })),
    ...checkPolicy(spec),
  ],
};
