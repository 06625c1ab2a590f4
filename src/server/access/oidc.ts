import { type Clock, dateOf } from "../../base/clock.ts";
import type { HttpClient } from "../../base/http_client.ts";
import {
  type Claims,
  issuerOf,
  type KeySet,
  remoteKeys,
  TokenError,
  verifyToken,
} from "../../base/jwt.ts";
import { digestOf, type Owner, type TokenSource } from "../authentication.ts";
import type { Caller } from "../context.ts";

export interface OidcOptions {
  readonly issuer: string;
  /** The audience that tokens must be for. */
  readonly clientId: string;
  readonly usernameClaim: string;
  readonly usernamePrefix: string;
  /** Empty for no groups. */
  readonly groupsClaim: string;
  readonly groupsPrefix: string;
  readonly requiredClaims: Readonly<Record<string, string>>;
  readonly algorithms: readonly string[];
}

export interface OidcDeps {
  readonly clock: Clock;
  readonly http: HttpClient;
  /** Of this server: a token that is good for the client is good for these. */
  readonly audiences: readonly string[];
  readonly cooldownMs?: number;
}

const FRESH_MS = 10 * 60_000;
const COOLDOWN_MS = 10_000;
const DOCUMENT_BYTES_MAX = 1024 * 1024;
const KNOWN_MAX = 4096;
const WAIT_MS = 5000;

/** Names of these are ours to give. */
const RESERVED = "system:";

/**
 * People by the ID tokens of an OpenID Connect issuer. Its keys are fetched when the first token
 * comes, kept for a while, and fetched anew when a token names one that is not among them.
 */
export class OidcTokens implements TokenSource {
  readonly #options: OidcOptions;
  readonly #deps: OidcDeps;
  readonly #known = new Map<string, Claims>();
  #keys: Promise<KeySet> | undefined;

  constructor(options: OidcOptions, deps: OidcDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  async ownerOf(token: string, audiences: readonly string[]): Promise<Owner | undefined> {
    if (issuerOf(token) !== this.#options.issuer) return undefined;
    const good = this.#deps.audiences.filter((it) => audiences.includes(it));
    if (good.length === 0) throw new TokenError("the token is for another audience");
    return { caller: callerOf(await this.#checked(token), this.#options), audiences: good };
  }

  async #checked(token: string): Promise<Claims> {
    const { issuer, clientId, algorithms } = this.#options;
    const now = dateOf(this.#deps.clock.now());
    const digest = digestOf(token);
    const known = this.#known.get(digest);
    if (known !== undefined && (known.exp ?? 0) * 1000 > now.getTime()) return known;
    this.#known.delete(digest);
    const expected = { issuer, audiences: [clientId], algorithms, now };
    const claims = await verifyToken(token, await this.#keySet(), expected);
    this.#known.set(digest, claims);
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
    return claims;
  }

  #keySet(): Promise<KeySet> {
    const { cooldownMs = COOLDOWN_MS } = this.#deps;
    const load = (signal: AbortSignal) => this.#load(signal);
    this.#keys ??= remoteKeys({ load, freshMs: FRESH_MS, cooldownMs });
    return this.#keys;
  }

  async #load(signal: AbortSignal): Promise<unknown> {
    const { issuer } = this.#options;
    const at = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    const document = await this.#json(at, signal);
    if (document["issuer"] !== issuer) {
      throw new Error(`${at} is of the issuer ${JSON.stringify(document["issuer"])}`);
    }
    const { jwks_uri: keys } = document as { readonly jwks_uri?: unknown };
    if (typeof keys !== "string" || !keys.startsWith("https://")) {
      throw new Error(`${at} has no jwks_uri that is an https URL`);
    }
    return await this.#json(keys, signal);
  }

  async #json(url: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    const limits = { bodyBytesMax: DOCUMENT_BYTES_MAX, redirectsMax: 3 };
    const both = AbortSignal.any([signal, AbortSignal.timeout(WAIT_MS)]);
    const response = await this.#deps.http.send({ url, signal: both, ...limits });
    if (response.status === 200) return JSON.parse(await response.text());
    await response.discard();
    throw new Error(`${url} answers ${response.status}`);
  }
}

/** Throws `TokenError` when the claims are not as they must be. */
export function callerOf(claims: Claims, options: OidcOptions): Caller {
  for (const [name, value] of Object.entries(options.requiredClaims)) {
    if (claims[name] !== value) {
      throw new TokenError(`the claim "${name}" of the token is not "${value}"`);
    }
  }
  const { usernameClaim, usernamePrefix, groupsClaim, groupsPrefix } = options;
  const name = claims[usernameClaim];
  if (typeof name !== "string" || name === "") {
    throw new TokenError(`the claim "${usernameClaim}" of the token names nobody`);
  }
  if (usernameClaim === "email" && claims["email_verified"] === false) {
    throw new TokenError("the e-mail address of the token has not been verified");
  }
  const user = `${usernamePrefix}${name}`;
  if (user.startsWith(RESERVED)) {
    throw new TokenError(`names that begin with "${RESERVED}" are not for users of an issuer`);
  }
  const said = groupsClaim === "" ? [] : groupsIn(claims[groupsClaim]);
  const groups = said.map((group) => `${groupsPrefix}${group}`);
  return { user, groups: groups.filter((group) => !group.startsWith(RESERVED)) };
}

function groupsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((it): it is string => typeof it === "string") : [];
}
