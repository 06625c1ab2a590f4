import { LIMITS } from "./limits.ts";
import type { Refusal } from "./refusal.ts";

// Each says the rule that it comes from, in the words of the policy.

export function addressRefused(client: string, list: "allow" | "deny"): Refusal {
  const what = list === "deny" ? "denies" : "does not allow";
  return {
    code: 403,
    detail: `the policy of this host ${what} the address ${client} (ip.${list})`,
  };
}

export function tokenMissing(where: string): Refusal {
  const detail = `a token is required here: send it as ${where} (jwt)`;
  return { code: 401, detail, headers: ["WWW-Authenticate", "Bearer"] };
}

export function tokenBad(why: string): Refusal {
  const description = why.replaceAll('"', "'");
  const challenge = `Bearer error="invalid_token", error_description="${description}"`;
  return { code: 401, detail: `${why} (jwt)`, headers: ["WWW-Authenticate", challenge] };
}

export function claimBad(name: string): Refusal {
  const challenge = 'Bearer error="insufficient_scope"';
  const detail = `the claim "${name}" of the token is not one that may come here (jwt.claims)`;
  return { code: 403, detail, headers: ["WWW-Authenticate", challenge] };
}

export function keysUnavailable(issuer: string): Refusal {
  const detail = `the keys of the issuer "${issuer}" cannot be fetched, so no token can be checked`;
  return { code: 503, detail: `${detail} (jwt)`, retryAfterSeconds: 1 };
}

export interface Exceeded {
  readonly requests: number;
  readonly per: string;
  /** Whom it counts: "client address", `header "x-key"`. */
  readonly of: string;
  readonly waitMs: number;
}

export function tooMany({ requests, per, of, waitMs }: Exceeded): Refusal {
  const detail = `too many requests: ${requests} in ${per} are allowed for each ${of} (rateLimits)`;
  return { code: 429, detail, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) };
}

export function bodyTooLarge(bytesMax: number): Refusal {
  const rule = bytesMax === LIMITS.bodyBytesMax ? "bodyBytesMax" : "maxBodyBytes";
  const detail = `the body is too large: at most ${bytesMax} bytes are taken here (${rule})`;
  return { code: 413, detail };
}

export function originRefused(origin: string): Refusal {
  return { code: 403, detail: `the origin ${origin} may not ask here (cors.allowOrigins)` };
}
