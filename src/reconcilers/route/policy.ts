import type { DomainMapping } from "../../api/domain_mapping.ts";
import { ROUTE_NOTE } from "../../api/labels.ts";
import { pathOf } from "../../api/meta.ts";
import type { Revision } from "../../api/revision.ts";
import type { Route } from "../../api/route.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import { annotatedPolicy } from "../../api/traffic_annotations.ts";
import type { TrafficPolicy } from "../../api/traffic_policy.ts";
import {
  type Guards,
  guardsOf,
  type PolicyRule,
  type StickyBy,
  type TrafficPolicySpec,
} from "../../api/traffic_policy_schema.ts";
import type { Lister } from "../../client/client.ts";
import type { References } from "../../control/references.ts";
import type {
  HostSpec,
  RuleSpec,
  ShareSpec,
  SteeringSpec,
  StickySpec,
} from "../../gateway/route_table.ts";
import { readIntervals, weightsOf, writeIntervals } from "./intervals.ts";
import { hasDomain } from "./rivals.ts";

export interface PolicyListers {
  readonly policies: Lister<TrafficPolicy>;
  readonly routes: Lister<Route>;
  readonly revisions: Lister<Revision>;
  readonly domains: Lister<DomainMapping>;
  /** Which policies name "Route/…" and "Revision/…", and want "Host/…". */
  readonly policyReferences: References<TrafficPolicy>;
  /** Set where a domain must be shown to be one's own: only a DomainMapping can do that. */
  readonly proof?: object;
}

/** What a policy, and annotations, come to for one Route and the traffic that it has now. */
export interface Shaped {
  readonly hosts: readonly HostSpec[];
  readonly steering?: SteeringSpec;
  readonly guards?: Guards;
  /** For the status of the Route. */
  readonly notes: Readonly<Record<string, string>>;
  /** What is left out, and why: for the status of the policy. */
  readonly problems: readonly Problem[];
}

export interface Problem {
  readonly reason: "TargetMissing" | "HostTaken" | "HostReserved";
  readonly message: string;
}

export interface Shaping {
  readonly traffic: readonly TrafficTarget[];
  /** What `hostsByPolicy` says. */
  readonly hosts: readonly (ClaimedHost | Problem)[];
}

/** A host that a Route has by its policy, and how good that claim is. */
export interface ClaimedHost {
  readonly host: string;
  readonly claim: string;
}

/**
 * What is asked for beyond the split. A rule or host that cannot be is left out and told of, and
 * the rest holds: what requests must pass always does.
 */
export function shape(route: Route, shaping: Shaping, listers: PolicyListers): Shaped {
  const { metadata } = route;
  const policy = listers.policies.get(metadata);
  const spec = { ...annotatedPolicy(metadata.annotations), ...policy?.spec };
  const split = sharesOf(metadata.namespace ?? "default", shaping.traffic);
  const rules = (spec.rules ?? []).map((rule) => ruleFor(rule, { route, shaping, listers }));
  const mirrors = (spec.mirrors ?? []).map((it) => mirrorFor(it, { route, shaping, listers }));
  const sticky = spec.sticky && stickyFor(route, spec.sticky, split);
  const named = steeringFor(route, spec, shaping);
  const [goodRules, goodMirrors] = [rules.filter(isGood), mirrors.filter(isGood)];
  const problems = [...rules, ...mirrors, ...shaping.hosts].filter(isProblem);
  const steering: SteeringSpec = {
    ...named,
    ...(goodRules.length > 0 && { rules: goodRules }),
    ...(sticky !== undefined && { sticky }),
    ...(goodMirrors.length > 0 && { mirrors: goodMirrors }),
  };
  const guards = guardsOf(spec);
  return {
    hosts: shaping.hosts.filter(isGood).map((it) => ({ ...it, split })),
    ...(Object.keys(steering).length > 0 && { steering }),
    ...(guards !== undefined && { guards }),
    notes: notesFor(route, { policy, steering }),
    problems,
  };
}

interface Place {
  readonly route: Route;
  readonly shaping: Shaping;
  readonly listers: PolicyListers;
}

function ruleFor(rule: PolicyRule, place: Place): RuleSpec | Problem {
  const { name, match, to, rewritePrefix } = rule;
  const split = splitFor(to, place);
  if (isProblem(split)) {
    const message = `Rule "${name}": ${split.message}, so its requests go by the other rules`;
    return { ...split, message };
  }
  return { name, match, split, ...(rewritePrefix !== undefined && { rewritePrefix }) };
}

function mirrorFor(
  { percent, ...to }: To & { percent: number },
  place: Place,
): ShareSpec | Problem {
  const split = splitFor(to, place);
  if (isProblem(split)) {
    return { ...split, message: `Mirror: ${split.message}, so it gets no copies` };
  }
  return { backend: split[0]?.backend ?? "", percent };
}

interface To {
  readonly tag?: string;
  readonly revision?: string;
  readonly route?: string;
}

/** The shares that a target comes to. */
function splitFor(to: To, { route, shaping, listers }: Place): readonly ShareSpec[] | Problem {
  const { namespace = "default", name } = route.metadata;
  const all = (revision: string) => [{ backend: `${namespace}/${revision}`, percent: 100 }];
  if (to.tag !== undefined) {
    const tagged = shaping.traffic.find(({ tag }) => tag === to.tag)?.revisionName;
    if (tagged !== undefined) return all(tagged);
    return missing(`the traffic of Route "${name}" has no tag "${to.tag}"`);
  }
  if (to.revision !== undefined) {
    const revision = listers.revisions.get({ namespace, name: to.revision });
    const isReady = revision?.status?.conditions?.some(
      ({ type, status }) => type === "Ready" && status === "True",
    );
    if (isReady === true) return all(to.revision);
    const what = revision === undefined ? "there is none" : "it is not ready";
    return missing(`Revision "${to.revision}": ${what}`);
  }
  const other = listers.routes.get({ namespace, name: to.route ?? "" })?.status?.traffic ?? [];
  const shares = sharesOf(namespace, other);
  return shares.length > 0 ? shares : missing(`Route "${to.route}" serves nothing yet`);
}

function missing(what: string): Problem {
  return { reason: "TargetMissing", message: what };
}

/** One share a backend, in the order of their first mention. */
export function sharesOf(
  namespace: string,
  traffic: readonly TrafficTarget[],
): readonly ShareSpec[] {
  const sums = new Map<string, number>();
  for (const { revisionName = "", percent = 0 } of traffic) {
    if (percent === 0) continue;
    const backend = `${namespace}/${revisionName}`;
    sums.set(backend, (sums.get(backend) ?? 0) + percent);
  }
  return [...sums].map(([backend, percent]) => ({ backend, percent }));
}

function stickyFor(route: Route, by: StickyBy, split: readonly ShareSpec[]): StickySpec {
  const before = readIntervals(route);
  const intervals = weightsOf(split, before);
  if (by.clientAddress === true) return { by: "client", intervals };
  if (by.header !== undefined) return { by: "header", name: by.header.toLowerCase(), intervals };
  if (by.claim !== undefined) return { by: "claim", name: by.claim, intervals };
  const isIssued = by.issue ?? false;
  return { by: "cookie", ...(by.cookie && { name: by.cookie }), isIssued, intervals };
}

/** Those that requests may name: tags, and where that is allowed Revisions. */
function steeringFor(
  { metadata }: Route,
  { tagHeader = true, allowRevisionHeader = false }: TrafficPolicySpec,
  { traffic }: Shaping,
): SteeringSpec {
  const { namespace = "default" } = metadata;
  const tags: Record<string, string> = {};
  const override: Record<string, string> = {};
  for (const { tag, revisionName } of traffic) {
    if (revisionName === undefined) continue;
    override[revisionName] = `${namespace}/${revisionName}`;
    if (tag !== undefined) tags[tag] = `${namespace}/${revisionName}`;
  }
  return {
    ...(tagHeader && Object.keys(tags).length > 0 && { tags }),
    ...(allowRevisionHeader && { override }),
  };
}

interface HostPlace {
  readonly policy: TrafficPolicy | undefined;
  readonly domain: string;
  readonly listers: PolicyListers;
}

/** Of each host that the policy of a Route names: that the Route has it, or why not. */
export function hostsByPolicy(
  route: Route,
  domain: string,
  listers: PolicyListers,
): readonly (ClaimedHost | Problem)[] {
  const policy = listers.policies.get(route.metadata);
  return (policy?.spec.hosts ?? []).map((host) => hostFor(host, { policy, domain, listers }));
}

/** Of two policies that want one host, the older has it. */
function hostFor(host: string, { policy, domain, listers }: HostPlace): ClaimedHost | Problem {
  const reserved = [domain, "svc.cluster.local", "svc"].find((it) => `.${host}`.endsWith(`.${it}`));
  if (reserved !== undefined) {
    const message = `Host "${host}": names below "${reserved}" are given by Varve itself`;
    return { reason: "HostReserved", message };
  }
  if (listers.proof !== undefined) {
    const way = "here a domain is shown to be one's own: map it by a DomainMapping instead";
    return { reason: "HostReserved", message: `Host "${host}": ${way}` };
  }
  const mapping = listers.domains.list().find((it) => it.metadata.name === host && hasDomain(it));
  if (mapping !== undefined) {
    const message = `Host "${host}" belongs to DomainMapping "${pathOf(mapping.metadata)}"`;
    return { reason: "HostTaken", message };
  }
  const rival = listers.policyReferences
    .to(`Host/${host}`)
    .flatMap((key) => listers.policies.get(key) ?? [])
    .find((it) => isBefore(it, policy));
  if (rival === undefined) return { host, claim: rankOf(policy) };
  const message = `Host "${host}" belongs to TrafficPolicy "${pathOf(rival.metadata)}"`;
  return { reason: "HostTaken", message };
}

function isBefore(one: TrafficPolicy, other: TrafficPolicy | undefined): boolean {
  return rankOf(one) < rankOf(other);
}

function rankOf(it: TrafficPolicy | undefined): string {
  return `${it?.metadata.creationTimestamp ?? ""} ${pathOf(it?.metadata ?? { name: "" })}`;
}

function notesFor(
  route: Route,
  parts: { readonly policy: TrafficPolicy | undefined; readonly steering: SteeringSpec },
): Readonly<Record<string, string>> {
  const { policy, steering } = parts;
  const prefix = `${route.metadata.namespace ?? "default"}/`;
  const splits = [...(steering.rules ?? []).map(({ split }) => split), steering.mirrors ?? []];
  const ids = new Set(splits.flatMap((split) => split.map(({ backend }) => backend)));
  const names = [...ids].map((id) => id.slice(prefix.length)).sort();
  return {
    ...(policy !== undefined && { [ROUTE_NOTE.policy]: appliedOf(policy) }),
    ...(names.length > 0 && { [ROUTE_NOTE.alsoServes]: names.join(",") }),
    ...(steering.sticky !== undefined && {
      [ROUTE_NOTE.intervals]: writeIntervals(steering.sticky.intervals, prefix),
    }),
  };
}

/** What a Route notes when it serves by a policy. */
export function appliedOf({ metadata }: TrafficPolicy): string {
  return `${metadata.uid}.${metadata.generation}`;
}

function isProblem<T extends object>(it: T | Problem): it is Problem {
  return "reason" in it;
}

/** Whether it can be. */
export function isGood<T extends object>(it: T | Problem): it is T {
  return !isProblem(it);
}
