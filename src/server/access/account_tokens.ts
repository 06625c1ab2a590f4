import { ApiError, invalid, notFound } from "../../api/error.ts";
import { type Kind, parse } from "../../api/kind.ts";
import { isGoing, type ObjectKey, type Resource } from "../../api/meta.ts";
import { POD } from "../../api/pod.ts";
import { TOKEN_REQUEST, type TokenRequest } from "../../api/review.ts";
import { SECRET } from "../../api/secret.ts";
import {
  groupsOfAccount,
  SERVICE_ACCOUNT,
  type ServiceAccount,
  userOfAccount,
} from "../../api/service_account.ts";
import type { Answer, Call } from "../../base/call.ts";
import type { Chance } from "../../base/chance.ts";
import { type Clock, dateOf, timestampOf } from "../../base/clock.ts";
import {
  type Claims,
  issuerOf,
  type SigningKey,
  signToken,
  TokenError,
  verifyToken,
} from "../../base/jwt.ts";
import type { Store } from "../../store/store.ts";
import type { ApiRoute } from "../api_route.ts";
import { digestOf, type Owner, type TokenSource } from "../authentication.ts";
import { readBody } from "../body.ts";
import type { TokenMaker } from "../context.ts";

export interface AccountTokenDeps {
  readonly issuer: string;
  /** Read when it is first needed. */
  readonly key: () => Promise<SigningKey>;
  readonly store: Store;
  readonly clock: Clock;
  readonly chance: Chance;
}

/** Kubernetes' own bounds. */
const SECONDS_MIN = 600;
const SECONDS_MAX = 2 ** 32;
const SECONDS = 3600;

/** Signatures that were good are remembered, for checking one takes long. */
const KNOWN_MAX = 4096;

/** What a token is bound to besides its account: it is good for as long as that is there. */
const BOUND: readonly Kind[] = [POD, SECRET];

/** What of our claims is Kubernetes' own. */
interface Bound {
  readonly namespace?: string;
  readonly serviceaccount?: Named;
  readonly pod?: Named;
  readonly secret?: Named;
}

interface Named {
  readonly name: string;
  readonly uid: string;
}

/**
 * Tokens of ServiceAccounts: signed, for an audience and a while, and good only as long as the
 * account they were made for is there, and not another of its name.
 */
export class AccountTokens implements TokenSource, TokenMaker {
  readonly #deps: AccountTokenDeps;
  readonly #known = new Map<string, Claims>();

  constructor(deps: AccountTokenDeps) {
    this.#deps = deps;
  }

  get issuer(): string {
    return this.#deps.issuer;
  }

  /** What others check our tokens with: a JSON Web Key Set. */
  async keys(): Promise<object> {
    return { keys: [(await this.#deps.key()).jwk] };
  }

  /** Makes a token, and fills in what the request left open. */
  async create(key: ObjectKey, request: unknown): Promise<TokenRequest> {
    const account = this.#deps.store.get(SERVICE_ACCOUNT, key);
    if (account === undefined) throw notFound(SERVICE_ACCOUNT, key.name);
    const { draft } = parse(TOKEN_REQUEST, request ?? {});
    const { expirationSeconds: seconds = SECONDS } = draft.spec ?? {};
    const field = "spec.expirationSeconds";
    const said = `Invalid value: ${seconds}: may not specify a duration`;
    if (seconds < SECONDS_MIN) throw badRequest(field, `${said} less than 10 minutes`);
    if (seconds > SECONDS_MAX) throw badRequest(field, `${said} larger than 2^32 seconds`);
    return await this.#sign(account, draft as unknown as TokenRequest);
  }

  async ownerOf(token: string, audiences: readonly string[]): Promise<Owner | undefined> {
    if (issuerOf(token) !== this.#deps.issuer) return undefined;
    const claims = await this.#checked(token);
    const said = typeof claims.aud === "string" ? [claims.aud] : (claims.aud ?? []);
    const good = said.filter((it) => audiences.includes(it));
    if (good.length === 0) throw new TokenError("the token is for another audience");
    const bound = (claims["kubernetes.io"] ?? {}) as Bound;
    const { namespace = "", serviceaccount } = bound;
    const account = serviceaccount && this.#find(SERVICE_ACCOUNT, serviceaccount, namespace);
    if (account === undefined || isGoing(account)) {
      throw new TokenError("the ServiceAccount of the token has been deleted");
    }
    return { caller: callerOf(account, this.#extraOf(claims, bound)), audiences: good };
  }

  async #sign(account: ServiceAccount, { spec }: TokenRequest): Promise<TokenRequest> {
    const { issuer, clock, chance, key } = this.#deps;
    const { audiences = [], expirationSeconds: seconds = SECONDS, boundObjectRef } = spec ?? {};
    const bound = boundObjectRef && this.#boundTo(account, boundObjectRef);
    const now = Math.floor(clock.now() / 1000);
    const { namespace = "", name, uid } = account.metadata;
    const own: Bound = { namespace, serviceaccount: { name, uid }, ...bound };
    const audience = audiences.length === 0 ? [issuer] : audiences;
    const claims: Claims = {
      ...{ iss: issuer, sub: userOfAccount(account.metadata), aud: [...audience] },
      ...{ iat: now, nbf: now, exp: now + seconds, jti: chance.uuid() },
      "kubernetes.io": own,
    };
    const token = await signToken(claims, await key());
    const { apiVersion, kind } = TOKEN_REQUEST;
    const status = { token, expirationTimestamp: timestampOf((now + seconds) * 1000) };
    const metadata = { name, namespace, creationTimestamp: timestampOf(now * 1000) };
    const said = { audiences: audience, expirationSeconds: seconds, boundObjectRef };
    return { apiVersion, kind, metadata, spec: said, status } as unknown as TokenRequest;
  }

  /** The signature once, the time always. */
  async #checked(token: string): Promise<Claims> {
    const { issuer, key, clock } = this.#deps;
    const digest = digestOf(token);
    const known = this.#known.get(digest);
    if (known !== undefined && (known.exp ?? 0) * 1000 > clock.now()) return known;
    this.#known.delete(digest);
    const claims = await verifyToken(token, await key(), { issuer, now: dateOf(clock.now()) });
    this.#known.set(digest, claims);
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
    return claims;
  }

  #extraOf({ jti }: Claims, { namespace = "", pod, secret }: Bound) {
    if (pod !== undefined && this.#find(POD, pod, namespace) === undefined) {
      throw new TokenError("the Pod that the token is bound to has been deleted");
    }
    if (secret !== undefined && this.#find(SECRET, secret, namespace) === undefined) {
      throw new TokenError("the Secret that the token is bound to has been deleted");
    }
    return {
      ...(jti !== undefined && { "authentication.kubernetes.io/credential-id": [`JTI=${jti}`] }),
      ...(pod && {
        "authentication.kubernetes.io/pod-name": [pod.name],
        "authentication.kubernetes.io/pod-uid": [pod.uid],
      }),
    };
  }

  #find<R extends Resource>(kind: Kind<R>, { name, uid }: Named, namespace: string): R | undefined {
    const found = this.#deps.store.get(kind, { namespace, name });
    return found?.metadata.uid === uid ? found : undefined;
  }

  #boundTo(
    account: ServiceAccount,
    ref: NonNullable<TokenRequest["spec"]["boundObjectRef"]>,
  ): Bound {
    const { kind: wanted = "", name = "", uid = "" } = ref;
    const kind = BOUND.find((it) => it.kind === wanted);
    if (kind === undefined) {
      const known = 'supported values: "Pod", "Secret"';
      const message = `Unsupported value: ${JSON.stringify(wanted)}: ${known}`;
      throw badRequest("spec.boundObjectRef.kind", message, "FieldValueNotSupported");
    }
    const found = this.#deps.store.get(kind, { namespace: account.metadata.namespace, name });
    if (found === undefined) throw notFound(kind, name);
    if (uid !== "" && uid !== found.metadata.uid) {
      const message = `the bound object reference has the UID ${uid}, which is not that in record`;
      throw new ApiError(
        "Conflict",
        `${message}; the object might have been deleted and made anew`,
      );
    }
    return { [kind.singular]: { name, uid: found.metadata.uid } };
  }
}

function callerOf(
  { metadata }: ServiceAccount,
  extra: Readonly<Record<string, readonly string[]>>,
) {
  const { namespace = "", uid } = metadata;
  return { user: userOfAccount(metadata), uid, groups: groupsOfAccount(namespace), extra };
}

/** `POST …/serviceaccounts/NAME/token`, as `kubectl create token` has it; and what checks it. */
export function accountTokenRoutes(tokens: AccountTokens): readonly ApiRoute[] {
  const path = "/api/v1/namespaces/:namespace/serviceaccounts/:name/token";
  const get = (at: string, body: () => object | Promise<object>): ApiRoute => {
    return { method: "GET", path: at, handle: async () => ({ code: 200, body: await body() }) };
  };
  return [
    { method: "POST", path, handle: create },
    get("/.well-known/openid-configuration", () => ({
      issuer: tokens.issuer,
      jwks_uri: `${tokens.issuer}/openid/v1/jwks`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["ES256"],
    })),
    get("/openid/v1/jwks", () => tokens.keys()),
  ];

  async function create({ params, headers, body }: Call): Promise<Answer> {
    const key = { namespace: params["namespace"], name: params["name"] ?? "" };
    return { code: 201, body: await tokens.create(key, readBody(headers, body)) };
  }
}

function badRequest(field: string, message: string, reason = "FieldValueInvalid"): ApiError {
  return invalid(TOKEN_REQUEST, "", [{ field, message, reason }]);
}
