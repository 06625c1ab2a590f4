import type { Guards, HeaderEdits } from "../api/traffic_policy_schema.ts";
import type { Clock } from "../base/clock.ts";
import { AddressSet } from "./client_address.ts";
import { compressed } from "./compress.ts";
import { addCors, preflightOf } from "./cors.ts";
import { type Asked, type FlatHeaders, type OnAnswer, removeHeader, setHeader } from "./course.ts";
import type { KeySets } from "./key_sets.ts";
import { type Claims, claimOf } from "./match.ts";
import { Limiter } from "./rate_limit.ts";
import { redirectOf } from "./redirect.ts";
import type { Refusal } from "./refusal.ts";
import { addressRefused, bodyTooLarge } from "./refusals_of_policy.ts";
import { TokenCheck } from "./token_check.ts";

export interface GuardParts {
  readonly clock: Clock;
  readonly sets: KeySets;
  /** A request was let in that counts under a limit. */
  readonly spent: () => void;
}

/** Who asks, as far as that is known before a token is looked at. */
export interface Visitor {
  /** The client's own address, behind the proxies that are trusted. */
  readonly client: string;
  readonly scheme: "http" | "https";
}

/**
 * What requests to the hosts of one route must pass, in this order: address, redirect, preflight,
 * length, rate, token, and rate by claim. Compiled once; what is not asked for is not looked at.
 */
export class Guard {
  readonly spec: Guards;
  readonly #allow: AddressSet | undefined;
  readonly #deny: AddressSet | undefined;
  readonly limiters: readonly Limiter[];
  readonly token: TokenCheck | undefined;

  constructor(spec: Guards, parts: GuardParts) {
    this.spec = spec;
    this.#allow = spec.ip?.allow && new AddressSet(spec.ip.allow);
    this.#deny = spec.ip?.deny && new AddressSet(spec.ip.deny);
    this.limiters = (spec.rateLimits ?? []).map((limit) => new Limiter(limit, parts));
    this.token = spec.jwt && new TokenCheck(spec.jwt, parts);
  }

  get bodyBytesMax(): number | undefined {
    return this.spec.maxBodyBytes;
  }

  /** Why a request may not go on, as far as that can be said without its token. */
  check(asked: Asked, { client, scheme }: Visitor): Refusal | undefined {
    const { redirects, cors, maxBodyBytes } = this.spec;
    if (this.#deny?.has(client) === true) return addressRefused(client, "deny");
    if (this.#allow?.has(client) === false) return addressRefused(client, "allow");
    const redirect = redirects && redirectOf(redirects, asked, scheme);
    if (redirect !== undefined) return redirect;
    const preflight = cors && preflightOf(cors, asked);
    if (preflight !== undefined) return preflight;
    const { bodyBytes = 0 } = asked;
    if (maxBodyBytes !== undefined && bodyBytes > maxBodyBytes) return bodyTooLarge(maxBodyBytes);
    return this.#checkRates(asked, { client, claims: undefined, isByClaim: false });
  }

  /** The same, when the token was good. */
  checkClaims(asked: Asked, client: string, claims: Claims | undefined): Refusal | undefined {
    return this.#checkRates(asked, { client, claims, isByClaim: true });
  }

  /** What the instance is told; nothing where that is what the client says. */
  onRequest(claims: Claims | undefined): ((headers: FlatHeaders) => void) | undefined {
    const { requestHeaders, jwt } = this.spec;
    const told = jwt?.claimHeaders;
    if (requestHeaders === undefined && told === undefined) return undefined;
    return (headers) => {
      for (const { claim, header } of told ?? []) {
        removeHeader(headers, header.toLowerCase());
        const value = claimOf(claims, claim);
        if (value !== undefined) headers.push(header, printable(value));
      }
      if (requestHeaders !== undefined) edit(headers, requestHeaders);
    };
  }

  /** What is done to answers, the gateway's own among them; nothing where that is nothing. */
  onAnswer(asked: Asked): OnAnswer | undefined {
    const { compression, cors, responseHeaders, hideRevision } = this.spec;
    const isNothing = (compression ?? cors ?? responseHeaders ?? hideRevision) === undefined;
    if (isNothing) return undefined;
    const origin = cors === undefined ? undefined : asked.header("origin");
    return (code, headers) => {
      const through = compression && compressed(compression, asked, code, headers);
      if (cors !== undefined) addCors(cors, origin, headers);
      if (hideRevision === true) removeHeader(headers, "varve-revision");
      if (responseHeaders !== undefined) edit(headers, responseHeaders);
      return through;
    };
  }

  #checkRates(
    asked: Asked,
    by: {
      readonly client: string;
      readonly claims: Claims | undefined;
      readonly isByClaim: boolean;
    },
  ): Refusal | undefined {
    for (const limiter of this.limiters) {
      if (limiter.isByClaim !== by.isByClaim) continue;
      const refusal = limiter.check(asked, by.client, by.claims);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }
}

function edit(headers: FlatHeaders, { remove = [], set = {}, add = {} }: HeaderEdits): void {
  for (const name of remove) removeHeader(headers, name.toLowerCase());
  for (const [name, value] of Object.entries(set)) setHeader(headers, name, value);
  for (const [name, value] of Object.entries(add)) headers.push(name, value);
}

/** What a header may not hold is written as in URLs. */
function printable(value: string): string {
  return value.replace(/[^\x20-\x7e]/gu, (letter) => encodeURIComponent(letter));
}
