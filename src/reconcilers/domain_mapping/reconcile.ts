import {
  type Condition,
  conditionOf,
  failed,
  ok,
  pending,
  readyFrom,
} from "../../api/condition.ts";
import { DOMAIN_MAPPING, type DomainMapping } from "../../api/domain_mapping.ts";
import { isGoing, type ObjectKey, pathOf } from "../../api/meta.ts";
import { ROUTE, type Route } from "../../api/route.ts";
import type { Lister } from "../../client/client.ts";
import type { Controller, Reconciled, Source } from "../../control/controller.ts";
import { CLEARED } from "../../control/finalizer.ts";
import type { References } from "../../control/references.ts";
import { holderOf } from "./claim.ts";
import type { Proof } from "./proof.ts";

/** How the gateway is reached from outside. */
interface Addressing {
  readonly domain: string;
  readonly scheme: "http" | "https";
  readonly port: number;
}

export interface DomainMappingDeps {
  readonly domains: Lister<DomainMapping>;
  readonly routes: Lister<Route>;
  /** Who maps "Route/…", and who wants "Domain/…". */
  readonly mappings: References<DomainMapping>;
  readonly addressing: () => Addressing;
  /** Whether a namespace may have a domain; everybody may when left out. */
  readonly proof?: Proof;
  /** How a domain is reached that the Route has served, and how it stands with its certificate. */
  readonly reached: (route: Route, domain: string) => Reached;
  /** Says of which Route that may have changed. */
  readonly certificates?: Source;
}

interface Reached extends Pick<Addressing, "scheme" | "port"> {
  readonly condition: Condition;
}

/** How soon a Route that still serves the domain of what is going is looked at again. */
const AGAIN_MS = 500;

/** Claims a domain for a Route, and tells whether it is served there; the Route has it served. */
export function domainMappingController(deps: DomainMappingDeps): Controller<DomainMapping> {
  const { mappings, routes, certificates } = deps;
  return {
    kind: DOMAIN_MAPPING,
    owns: [],
    watches: [
      {
        kind: ROUTE,
        wakes: ({ metadata }) => mappings.to(`Route/${pathOf(metadata)}`),
      },
      {
        // Who waits for a domain gets it when the one that has it goes.
        kind: DOMAIN_MAPPING,
        wakes: ({ metadata }) => mappings.to(`Domain/${metadata.name}`),
      },
    ],
    sources: certificates === undefined ? [] : [mappingsOf(certificates, mappings)],
    reconcile: (mapping) => reconcile(mapping, deps),
    // Another may have the domain only when the gateway has let it go.
    async finalize(mapping) {
      const { name } = mapping.metadata;
      const isServed = routes.get(routeKeyOf(mapping))?.status?.domains?.includes(name) ?? false;
      return isServed ? { againAfterMs: AGAIN_MS } : CLEARED;
    },
  };
}

/** Of Routes, who maps them. */
function mappingsOf(source: Source, mappings: References<DomainMapping>): Source {
  return (wake) =>
    source((route) => {
      for (const key of mappings.to(`Route/${pathOf(route)}`)) wake(key);
    });
}

/** The Route that it maps: that of a Service has the name of the Service. */
export function routeKeyOf({ metadata: { namespace }, spec }: DomainMapping): ObjectKey {
  return { namespace, name: spec.ref?.name ?? "" };
}

/** What a mapping refers to, for whoever looks from the other end. */
export function referencesOf(mapping: DomainMapping): readonly string[] {
  return [`Route/${pathOf(routeKeyOf(mapping))}`, `Domain/${mapping.metadata.name}`];
}

async function reconcile(
  mapping: DomainMapping,
  deps: DomainMappingDeps,
): Promise<Reconciled<DomainMapping>> {
  const { name } = mapping.metadata;
  const route = deps.routes.get(routeKeyOf(mapping));
  const claimed = await claim(mapping, deps);
  const resolved = resolve(mapping, route);
  const isDue = isTrue(claimed) && isTrue(resolved);
  const ingress = ingressOf(mapping, { route, isDue });
  const reached = isDue && route !== undefined ? deps.reached(route, name) : undefined;
  const url = urlOf(name, reached ?? deps.addressing());
  const parts = [
    ...[resolved, claimed, ingress],
    ...(reached === undefined ? [] : [reached.condition]),
  ];
  const isWaitingForProof = claimed.status === "Unknown" && deps.proof !== undefined;
  return {
    status: { url, address: { url }, conditions: [...parts, readyFrom(parts)] },
    ...(isWaitingForProof && { requeueAfterMs: deps.proof?.againMs ?? AGAIN_MS }),
  };
}

function urlOf(name: string, { scheme, port }: Pick<Addressing, "scheme" | "port">): string {
  const isUsual = port === (scheme === "http" ? 80 : 443);
  return `${scheme}://${name}${isUsual ? "" : `:${port}`}`;
}

function isTrue({ status }: Condition): boolean {
  return status === "True";
}

/** DomainClaimed: whether the domain is for this namespace, and nobody else has it. */
async function claim(mapping: DomainMapping, deps: DomainMappingDeps): Promise<Condition> {
  const type = "DomainClaimed";
  const { name, namespace = "" } = mapping.metadata;
  const { domain } = deps.addressing();
  if (isReserved(name, domain)) {
    const message = `Names of two parts under "${domain}" are those of Services: choose another.`;
    return failed("DomainReserved", message, type);
  }
  const rivals = deps.mappings.to(`Domain/${name}`).flatMap((key) => deps.domains.get(key) ?? []);
  const holder = holderOf(rivals);
  if (holder !== undefined && holder.metadata.uid !== mapping.metadata.uid) {
    const whose = `namespace "${holder.metadata.namespace}"`;
    const way = "it is free when that one is deleted";
    const message = `The domain name "${name}" is already in use by ${whose}; ${way}.`;
    return failed("DomainAlreadyClaimed", message, type);
  }
  const had = conditionOf(mapping.status, type)?.status === "True";
  const lack = had ? undefined : await deps.proof?.lackFor({ domain: name, namespace });
  return lack === undefined ? ok(type) : pending("OwnershipNotProven", lack, type);
}

/** "shop.default.localhost" is that of a Service, there already or to come. */
function isReserved(name: string, domain: string): boolean {
  if (!name.endsWith(`.${domain}`)) return false;
  return name.slice(0, -domain.length - 1).split(".").length === 2;
}

function resolve({ spec }: DomainMapping, route: Route | undefined): Condition {
  const type = "ReferenceResolved";
  if (route !== undefined && !isGoing(route)) return ok(type);
  const { kind = "Service", name = "" } = spec.ref ?? {};
  const plural = `${kind.toLowerCase()}s.serving.knative.dev`;
  return failed("ResolveFailed", `failed to get object: ${plural} "${name}" not found`, type);
}

interface Serving {
  readonly route: Route | undefined;
  readonly isDue: boolean;
}

/** IngressReady: every worker of the gateway has confirmed that the Route is served there. */
function ingressOf({ metadata }: DomainMapping, { route, isDue }: Serving): Condition {
  const type = "IngressReady";
  const isServed = route?.status?.domains?.includes(metadata.name) ?? false;
  if (isDue && isServed) return ok(type);
  if (!isDue) return pending("IngressNotConfigured", "Ingress has not yet been reconciled.", type);
  const is = conditionOf(route?.status, "Ready");
  const why = is?.message ?? "";
  const message = is?.status === "True" || why === "" ? "The gateway is being told." : why;
  return pending("Uninitialized", message, type);
}
