import { type Condition, conditionOf, failed, pending, READY } from "../../api/condition.ts";
import type { DomainMapping } from "../../api/domain_mapping.ts";
import { ROUTE_NOTE } from "../../api/labels.ts";
import { pathOf } from "../../api/meta.ts";
import { REVISION } from "../../api/revision.ts";
import { ROUTE, type Route } from "../../api/route.ts";
import { TRAFFIC_POLICY, type TrafficPolicy } from "../../api/traffic_policy.ts";
import type { Controller } from "../../control/controller.ts";
import type { References } from "../../control/references.ts";
import type { Addressing } from "./desired.ts";
import { appliedOf, hostsByPolicy, type PolicyListers, shape } from "./policy.ts";
import { rivals } from "./rivals.ts";

export interface PolicyDeps extends PolicyListers {
  readonly addressing: () => Addressing;
  /** Who wants "Domain/…". */
  readonly mappings: References<DomainMapping>;
}

/** Says of each policy whether it is in force: the Route of its name is what carries it out. */
export function policyController(deps: PolicyDeps): Controller<TrafficPolicy> {
  const { policyReferences } = deps;
  return {
    kind: TRAFFIC_POLICY,
    owns: [],
    watches: [
      {
        kind: ROUTE,
        wakes: ({ metadata }) => [metadata, ...policyReferences.to(`Route/${pathOf(metadata)}`)],
      },
      {
        kind: REVISION,
        wakes: ({ metadata }) => policyReferences.to(`Revision/${pathOf(metadata)}`),
      },
    ],
    sources: [rivals(deps)],
    reconcile: async (policy) => ({ status: { conditions: [conditionFor(policy, deps)] } }),
  };
}

function conditionFor(policy: TrafficPolicy, deps: PolicyDeps): Condition {
  const { name } = policy.metadata;
  const route = deps.routes.get(policy.metadata);
  if (route === undefined) {
    const way = "a policy is for the Route, or Service, of its name.";
    return pending("RouteMissing", `There is no Route "${name}": ${way}`);
  }
  const [problem] = problemsOf(route, deps);
  if (problem !== undefined) return failed(problem.reason, problem.message);
  const isApplied = route.status?.annotations?.[ROUTE_NOTE.policy] === appliedOf(policy);
  const isServed = conditionOf(route.status, "IngressReady")?.status === "True";
  if (isApplied && isServed) return READY;
  return pending("NotServed", `The gateway does not serve Route "${name}" by it yet.`);
}

function problemsOf(route: Route, deps: PolicyDeps) {
  const traffic = route.status?.traffic ?? [];
  const hosts = hostsByPolicy(route, deps.addressing().domain, deps);
  return shape(route, { traffic, hosts }, deps).problems;
}

/** What a policy names, and which hosts it wants. */
export function policyTargets({ metadata, spec }: TrafficPolicy): readonly string[] {
  const { namespace } = metadata;
  const targets = [...(spec.rules ?? []).map(({ to }) => to), ...(spec.mirrors ?? [])];
  return [
    ...targets.flatMap((to) => {
      const revision = to.revision === undefined ? [] : [`Revision/${namespace}/${to.revision}`];
      const route =
        "route" in to && to.route !== undefined ? [`Route/${namespace}/${to.route}`] : [];
      return [...revision, ...route];
    }),
    ...(spec.hosts ?? []).map((host) => `Host/${host}`),
  ];
}
