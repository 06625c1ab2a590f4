import { LABEL } from "../../api/labels.ts";
import { type ObjectKey, pathOf } from "../../api/meta.ts";
import type { Route } from "../../api/route.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import type { HostSpec, HttpsSpec, RouteSpec } from "../../gateway/route_table.ts";
import { type Shaped, sharesOf } from "./policy.ts";

/** How the gateway is reached from outside. */
export interface Addressing {
  readonly domain: string;
  readonly scheme: "http" | "https";
  /** Left out of addresses when it is the scheme's own. */
  readonly port: number;
}

export interface RouteSpecOptions extends Pick<Addressing, "domain"> {
  readonly mapped: readonly string[];
  /** Of the hosts outside. */
  readonly https?: HttpsSpec | undefined;
}

/** What the gateway shall do for a Route whose targets all name Revisions. */
export function routeSpecFor(
  route: Route,
  traffic: readonly TrafficTarget[],
  { domain, mapped, https }: RouteSpecOptions,
): RouteSpec {
  const { namespace = "default" } = route.metadata;
  const backend = ({ revisionName = "" }: TrafficTarget) => `${namespace}/${revisionName}`;
  const hosts = (tag?: string): readonly string[] => hostsOf(route, { domain, tag });
  const isOutside = (host: string) => host.endsWith(`.${domain}`) || mapped.includes(host);
  const saysOf = (host: string) => (https !== undefined && isOutside(host) ? { https } : {});
  const tagged = traffic.flatMap((it): readonly HostSpec[] =>
    it.tag === undefined
      ? []
      : hosts(it.tag).map((host) => {
          const split = [{ backend: backend(it), percent: 100 }];
          return { host, split, isTag: true, ...saysOf(host) };
        }),
  );
  const split = sharesOf(namespace, traffic);
  const main = [...hosts(), ...mapped].map((host) => ({ host, split, ...saysOf(host) }));
  return { id: pathOf(route.metadata), hosts: [...main, ...tagged] };
}

/** The same, with what a policy and annotations ask for beside. */
export function shapedSpec(
  spec: RouteSpec,
  { hosts, steering, guards }: Shaped,
  https: HttpsSpec | undefined,
): RouteSpec {
  const named = hosts.map((it) => ({ ...it, ...(https !== undefined && { https }) }));
  return {
    ...spec,
    hosts: [...spec.hosts, ...named],
    ...(steering !== undefined && { steering }),
    ...(guards !== undefined && { guards }),
  };
}

interface HostOptions {
  readonly domain: string;
  readonly tag?: string | undefined;
}

/** The first labels of the hosts of a Route: its name, and each tag before its name. */
export function labelsOf(
  { name }: ObjectKey,
  traffic: readonly TrafficTarget[],
): readonly string[] {
  return [name, ...traffic.flatMap(({ tag }) => (tag === undefined ? [] : [labelOf(name, tag)]))];
}

function labelOf(name: string, tag: string | undefined): string {
  return tag === undefined ? name : `${tag}-${name}`;
}

/** Outside by the domain, inside by the names that Kubernetes gives (spec/elafros §4.7). */
function hostsOf(route: Route, { domain, tag }: HostOptions): readonly string[] {
  const { name, namespace = "default" } = route.metadata;
  const short = `${labelOf(name, tag)}.${namespace}`;
  const inside = [`${short}.svc.cluster.local`, `${short}.svc`, short];
  return isPrivate(route) ? inside : [`${short}.${domain}`, ...inside];
}

/** The hosts outside of a Route and its tags, without the domains that are mapped to it. */
export function publicHostsOf(
  route: Route,
  traffic: readonly TrafficTarget[],
  domain: string,
): readonly string[] {
  if (isPrivate(route)) return [];
  const { namespace = "default" } = route.metadata;
  return labelsOf(route.metadata, traffic).map((label) => `${label}.${namespace}.${domain}`);
}

/** It has no host outside, nor have its tags. */
function isPrivate({ metadata }: Route): boolean {
  return metadata.labels?.[LABEL.visibility] === "cluster-local";
}

/** The address of a Route, or of one of its tags. */
export function urlOf(route: Route, { domain, scheme, port }: Addressing, tag?: string): string {
  const [host] = hostsOf(route, { domain, tag });
  return isPrivate(route) ? urlAt("http", { host, port }) : urlAt(scheme, { host, port });
}

/** The address of a Route from the inside, whatever the domain is. */
export function insideUrlOf({ metadata }: Route, { port }: Addressing): string {
  const { name, namespace = "default" } = metadata;
  return urlAt("http", { host: `${name}.${namespace}.svc.cluster.local`, port });
}

interface At {
  readonly host: string | undefined;
  readonly port: number;
}

function urlAt(scheme: "http" | "https", { host, port }: At): string {
  const isUsual = port === (scheme === "http" ? 80 : 443);
  return `${scheme}://${host}${isUsual ? "" : `:${port}`}`;
}

/** A target, and the Revision that its requests go to. */
export interface Named {
  readonly target: TrafficTarget;
  readonly revisionName: string;
}

/** The targets as status tells them: Revisions alone, in the order of the spec, tags with URLs. */
export function trafficStatus(
  route: Route,
  targets: readonly Named[],
  addressing: Addressing,
): readonly TrafficTarget[] {
  return targets.map(({ target, revisionName }) => {
    const { latestRevision, tag, percent = 0 } = target;
    return {
      revisionName,
      ...(latestRevision !== undefined && { latestRevision }),
      percent,
      ...(tag !== undefined && { tag, url: urlOf(route, addressing, tag) }),
    };
  });
}
