import type { Jwt } from "../api/traffic_policy_schema.ts";
import { type Clock, dateOf } from "../base/clock.ts";
import { type KeySet, TokenError, verifyToken } from "../base/jwt.ts";
import type { Asked } from "./course.ts";
import { type KeySets, KeysUnavailable } from "./key_sets.ts";
import { type Claims, cookieOf, isClaimed, pathOf } from "./match.ts";
import type { Refusal } from "./refusal.ts";
import { claimBad, keysUnavailable, tokenBad, tokenMissing } from "./refusals_of_policy.ts";

const ALGORITHMS = ["RS256", "ES256", "EdDSA"];
/** Tokens that were found good, which are asked about again with every request of a client. */
const KNOWN_MAX = 10_000;
/** A key that was withdrawn counts no longer than this. */
const KNOWN_MS = 5 * 60_000;

/** What a token came to: its claims, none where none is needed, or why it is not let through. */
export type Verdict = { readonly claims: Claims | undefined } | { readonly refusal: Refusal };

interface Known {
  readonly claims: Claims;
  readonly untilMs: number;
}

/** Checks the tokens of one policy. A token that is known costs one look-up. */
export class TokenCheck {
  readonly spec: Jwt;
  readonly #clock: Clock;
  readonly #sets: KeySets;
  readonly #known = new Map<string, Known>();
  #keys: Promise<KeySet> | undefined;

  constructor(spec: Jwt, { clock, sets }: { readonly clock: Clock; readonly sets: KeySets }) {
    this.spec = spec;
    this.#clock = clock;
    this.#sets = sets;
  }

  /** At once where nothing has to be computed or fetched. */
  check(asked: Asked): Verdict | Promise<Verdict> {
    const { required = true, publicPaths = [] } = this.spec;
    const isPublic = publicPaths.includes(pathOf(asked.target));
    const token = this.#tokenOf(asked);
    if (token === undefined) {
      if (!required || isPublic) return { claims: undefined };
      return { refusal: tokenMissing(this.#where()) };
    }
    const known = this.#known.get(token);
    if (known !== undefined && known.untilMs > this.#clock.now()) return this.#judge(known.claims);
    return this.#verify(token, isPublic);
  }

  #tokenOf(asked: Asked): string | undefined {
    const { header, cookie } = this.spec;
    if (cookie !== undefined) return cookieOf(asked, cookie);
    const value = asked.header((header ?? "authorization").toLowerCase());
    if (header !== undefined && value !== undefined) return value.replace(/^Bearer +/i, "");
    return /^Bearer +(\S+)$/i.exec(value ?? "")?.[1];
  }

  #where(): string {
    const { header, cookie } = this.spec;
    if (cookie !== undefined) return `the cookie "${cookie}"`;
    return header === undefined ? '"Authorization: Bearer …"' : `the header "${header}"`;
  }

  async #verify(token: string, isPublic: boolean): Promise<Verdict> {
    const { issuer, audiences, algorithms = ALGORITHMS } = this.spec;
    const expected = { issuer, ...(audiences && { audiences }), algorithms };
    try {
      const keys = await this.#keySet();
      const claims = await verifyToken(token, keys, {
        ...expected,
        now: dateOf(this.#clock.now()),
      });
      this.#remember(token, claims);
      return this.#judge(claims);
    } catch (thrown) {
      if (isPublic) return { claims: undefined };
      if (!(thrown instanceof TokenError)) throw thrown;
      if (thrown.cause instanceof KeysUnavailable) return { refusal: keysUnavailable(issuer) };
      return { refusal: tokenBad(thrown.message) };
    }
  }

  #keySet(): Promise<KeySet> {
    const { jwksUri, jwks = "{}" } = this.spec;
    this.#keys ??= jwksUri === undefined ? this.#sets.of(jwks) : this.#sets.at(jwksUri);
    return this.#keys;
  }

  #remember(token: string, claims: Claims): void {
    const now = this.#clock.now();
    const { exp } = claims;
    const expiresMs = typeof exp === "number" ? exp * 1000 : now;
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(token, { claims, untilMs: Math.min(expiresMs, now + KNOWN_MS) });
  }

  #judge(claims: Claims): Verdict {
    const bad = this.spec.claims?.find((it) => !isClaimed(it, claims));
    return bad === undefined ? { claims } : { refusal: claimBad(bad.name) };
  }
}
