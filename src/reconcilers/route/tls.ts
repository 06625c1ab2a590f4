import { type Condition, failed, ok, pending } from "../../api/condition.ts";
import type { ObjectKey } from "../../api/meta.ts";
import type { Source } from "../../control/controller.ts";
import type { HttpsSpec } from "../../gateway/route_table.ts";

/** What there is for a host: given by its owner or an authority, or of our own authority alone. */
export type CertificateState =
  | { readonly is: "given" | "own" }
  | { readonly is: "pending" | "failed"; readonly message: string };

/** TLS, as Routes see it. */
export interface RouteTls {
  /** Where it ends. */
  readonly port: number;
  /** How plain HTTP is answered where a Route does not say. */
  readonly httpProtocol: "enabled" | "redirected";
  readonly hstsSeconds: number;
  /**
   * Has a certificate served for each host of a Route, of our own authority where there is no
   * other, and asks for a better one where an authority is set up. Resolves when all workers have
   * them. These are all that it has: what it had before is asked for no more.
   */
  cover(hosts: readonly string[], options: CoverOptions): Promise<readonly CertificateState[]>;
  /** What there is for one host that is covered. */
  stateOf(host: string, options: CoverOptions): CertificateState;
  /** A Route is gone, and nothing is asked for on its behalf. */
  release(route: ObjectKey): void;
  /** Wakes a Route when that may have changed. */
  readonly source: Source;
}

export interface CoverOptions {
  readonly route: ObjectKey;
  /** Whether an authority is to be asked. */
  readonly isPublic: boolean;
}

/** How a Route is reached, and what its CertificateProvisioned says about it. */
export interface Secured {
  readonly condition: Condition;
  readonly scheme: "http" | "https";
  readonly https: HttpsSpec | undefined;
}

const TYPE = "CertificateProvisioned";

export const NOT_ENABLED: Condition = {
  ...ok(TYPE),
  reason: "TLSNotEnabled",
  message: "TLS is not set up for this domain.",
};

export interface SecuredOptions {
  readonly tls: RouteTls;
  readonly states: readonly CertificateState[];
  readonly isRedirected: boolean;
}

/**
 * HTTPS is what a Route is known by when all its hosts have a certificate that clients trust, or
 * when it answers nothing else. Until then it says HTTPDowngrade, and is reached as before; where
 * plain HTTP is not answered, it is not ready.
 */
export function securedBy({ tls, states, isRedirected }: SecuredOptions): Secured {
  const { port, hstsSeconds } = tls;
  const redirectPort = isRedirected ? { redirectPort: port } : {};
  const hsts = hstsSeconds > 0 ? { hstsSeconds } : {};
  const https = isRedirected || hstsSeconds > 0 ? { ...redirectPort, ...hsts } : undefined;
  const broken = states.find(({ is }) => is === "failed");
  const awaited = states.find(({ is }) => is === "pending");
  const lack = broken ?? awaited;
  if (lack !== undefined && "message" in lack) {
    if (!isRedirected) {
      return { condition: downgraded(lack.message), scheme: "http", https };
    }
    const condition =
      lack.is === "failed"
        ? failed("CertificateProvisionFailed", lack.message, TYPE)
        : pending("CertificateNotReady", lack.message, TYPE);
    return { condition, scheme: "https", https };
  }
  if (states.every(({ is }) => is === "given")) {
    return { condition: ok(TYPE), scheme: "https", https };
  }
  if (!isRedirected) return { condition: NOT_ENABLED, scheme: "http", https };
  const message =
    "The certificate is of this server's own authority: trust pki/ca.pem of its home.";
  return { condition: { ...ok(TYPE), message, reason: "OwnAuthority" }, scheme: "https", https };
}

function downgraded(why: string): Condition {
  const message = `HTTP is answered until there is a certificate: ${why}`;
  return { ...ok(TYPE), reason: "HTTPDowngrade", message };
}
