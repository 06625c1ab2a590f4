import type { RouteTls } from "../reconcilers/route/tls.ts";
import { AcmeIssuer, type AcmeIssuerDeps } from "./acme_issuer.ts";
import { HostCertificates, type HostCertificatesDeps } from "./host_certificates.ts";
import type { Part } from "./start_all.ts";

export type TlsDeps = HostCertificatesDeps & Omit<AcmeIssuerDeps, "acme" | "hosts">;

export interface TlsParts {
  readonly parts: readonly Part[];
  /** What Routes are told of it; nothing where there is no TLS. */
  readonly routes: { readonly tls?: RouteTls };
}

/** What it takes to serve hosts over TLS, as far as the configuration asks for it. */
export function makeTlsParts(deps: TlsDeps): TlsParts {
  const { tls, tlsGateway } = deps.config;
  if (tlsGateway === undefined) return { parts: [], routes: {} };
  const hosts = new HostCertificates(deps);
  const routes = { tls: hosts };
  if (tls.acme === undefined) return { parts: [hosts], routes };
  const issuer = new AcmeIssuer({ ...deps, acme: tls.acme, hosts });
  hosts.issuer = issuer;
  return { parts: [hosts, issuer], routes };
}
