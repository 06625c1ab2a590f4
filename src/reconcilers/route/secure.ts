import { type Condition, pending } from "../../api/condition.ts";
import { isReason } from "../../api/error.ts";
import { ANNOTATION } from "../../api/labels.ts";
import type { Route } from "../../api/route.ts";
import type { HttpsSpec } from "../../gateway/route_table.ts";
import { type Addressing, publicHostsOf } from "./desired.ts";
import { NOT_ENABLED, type RouteTls, securedBy } from "./tls.ts";

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

/** Has its hosts served over TLS, where there is any, and decides by what it is known. */
export async function secure(
  route: Route,
  mapped: readonly string[],
  { tls, addressing }: SecureDeps,
): Promise<Reached> {
  const { domain, port } = addressing();
  const hosts = [...publicHostsOf(route, route.spec.traffic ?? [], domain), ...mapped];
  const http = { condition: NOT_ENABLED, https: undefined, scheme: "http", port } as const;
  if (tls === undefined) return http;
  const { namespace = "default", annotations = {} } = route.metadata;
  const isPublic = annotations[ANNOTATION.disableTls]?.toLowerCase() !== "true";
  const said = annotations[ANNOTATION.httpProtocol]?.toLowerCase() ?? tls.httpProtocol;
  try {
    const states = await tls.cover(hosts, { namespace, isPublic });
    if (!isPublic || hosts.length === 0) return http;
    const secured = securedBy({ tls, states, isRedirected: said === "redirected" });
    return { ...secured, port: secured.scheme === "https" ? tls.port : port };
  } catch (thrown) {
    if (!isReason(thrown, "ServiceUnavailable")) throw thrown;
    const what = pending("CertificateNotReady", thrown.message, "CertificateProvisioned");
    return { ...http, condition: what };
  }
}
