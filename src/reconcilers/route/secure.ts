import { type Condition, pending } from "../../api/condition.ts";
import { isReason } from "../../api/error.ts";
import { httpProtocolOf, isTlsDisabled } from "../../api/networking.ts";
import type { Route } from "../../api/route.ts";
import type { HttpsSpec } from "../../gateway/route_table.ts";
import { type Addressing, publicHostsOf } from "./desired.ts";
import { type CertificateState, NOT_ENABLED, type RouteTls, securedBy } from "./tls.ts";

export interface SecureDeps {
  readonly tls?: RouteTls;
  readonly addressing: () => Addressing;
}

/** How a Route is reached by its certificates, and what to say of them. */
export interface Reached {
  readonly condition: Condition;
  readonly https: HttpsSpec | undefined;
  readonly scheme: "http" | "https";
  readonly port: number;
}

/**
 * Has its hosts served over TLS, where there is any, and decides by what it is known. Domains that
 * are its owner's own are served too, and decide nothing: whoever maps one that cannot be proven
 * must not make a Service fail that is reached by its own name.
 */
export async function secure(
  route: Route,
  domains: readonly string[],
  deps: SecureDeps,
): Promise<Reached> {
  const { tls, addressing } = deps;
  const { domain, port } = addressing();
  const own = publicHostsOf(route, route.spec.traffic ?? [], domain);
  if (tls === undefined) return plainly(port);
  try {
    const isPublic = isForTls(route);
    const all = [...own, ...domains];
    const states = await tls.cover(all, { route: route.metadata, isPublic });
    const reached = reachedBy(route, states.slice(0, own.length), deps);
    // One that is not known outside has no address to have a certificate for.
    return own.length === 0 ? { ...plainly(port), https: reached.https } : reached;
  } catch (thrown) {
    if (!isReason(thrown, "ServiceUnavailable")) throw thrown;
    const what = pending("CertificateNotReady", thrown.message, "CertificateProvisioned");
    return { ...plainly(port), condition: what };
  }
}

/** How a domain that is mapped to a Route is reached. The Route has it served. */
export function secureDomain(route: Route, domain: string, deps: SecureDeps): Reached {
  const { tls } = deps;
  const options = { route: route.metadata, isPublic: isForTls(route) };
  return reachedBy(route, tls === undefined ? [] : [tls.stateOf(domain, options)], deps);
}

function reachedBy(
  route: Route,
  states: readonly CertificateState[],
  { tls, addressing }: SecureDeps,
): Reached {
  const { port } = addressing();
  if (tls === undefined || !isForTls(route)) return plainly(port);
  const { annotations = {} } = route.metadata;
  const said = httpProtocolOf(annotations) ?? tls.httpProtocol;
  const secured = securedBy({ tls, states, isRedirected: said === "redirected" });
  return { ...secured, port: secured.scheme === "https" ? tls.port : port };
}

function isForTls({ metadata: { annotations = {} } }: Route): boolean {
  return !isTlsDisabled(annotations);
}

function plainly(port: number): Reached {
  return { condition: NOT_ENABLED, https: undefined, scheme: "http", port };
}
