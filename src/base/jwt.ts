import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey } from "jose";

export type { JWTVerifyGetKey as KeySet } from "jose";

/** What a token says. */
export type Claims = JWTPayload;

/** A key that signs tokens, and what others check them with. */
export interface SigningKey {
  readonly id: string;
  readonly private: KeyObject;
  readonly public: KeyObject;
  /** As a member of a JSON Web Key Set. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

/** A token is not good. The message says why, and nothing of the token. */
export class TokenError extends Error {
  override readonly name = "TokenError";
}

const ALGORITHM = "ES256";

/** Clocks of different machines differ by as much. */
const TOLERANCE_S = 10;

/** A new private key, in PEM form. */
export function makeSigningKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Reads a private key in PEM form. jose, and what else is costly, is loaded only here. */
export async function readSigningKey(pem: string): Promise<SigningKey> {
  const { calculateJwkThumbprint, exportJWK } = await import("jose");
  const { createPrivateKey } = await import("node:crypto");
  const privateKey = createPrivateKey(pem);
  const publicKey = createPublicKey(privateKey);
  const plain = await exportJWK(publicKey);
  const id = await calculateJwkThumbprint(plain);
  const jwk = { ...plain, use: "sig", kid: id, alg: ALGORITHM };
  return { id, private: privateKey, public: publicKey, jwk };
}

export async function signToken(claims: Claims, key: SigningKey): Promise<string> {
  const { SignJWT } = await import("jose");
  const header = { alg: ALGORITHM, kid: key.id };
  return await new SignJWT(claims).setProtectedHeader(header).sign(key.private);
}

export interface Expected {
  readonly issuer: string;
  /** One of these; any when left out. */
  readonly audiences?: readonly string[];
  readonly algorithms?: readonly string[];
  readonly now: Date;
}

/** What a token says, once its signature and its times are good. Throws `TokenError`. */
export async function verifyToken(
  token: string,
  key: SigningKey | JWTVerifyGetKey,
  expected: Expected,
): Promise<Claims> {
  const { jwtVerify } = await import("jose");
  const { issuer, audiences, algorithms = [ALGORITHM], now } = expected;
  const options = {
    issuer,
    ...(audiences !== undefined && { audience: [...audiences] }),
    algorithms: [...algorithms],
    currentDate: now,
    clockTolerance: TOLERANCE_S,
    requiredClaims: ["exp"],
  };
  try {
    const getKey: JWTVerifyGetKey = typeof key === "function" ? key : async () => key.public;
    return (await jwtVerify(token, getKey, options)).payload;
  } catch (thrown) {
    throw new TokenError(await whyBad(thrown), { cause: thrown });
  }
}

/** Who a token says has issued it. Nothing is checked; nothing when it is no such token. */
export function issuerOf(token: string): string | undefined {
  const [, body, ...rest] = token.split(".");
  if (body === undefined || rest.length !== 1) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(body, "base64url").toString("utf8"));
    const isObject = typeof claims === "object" && claims !== null && "iss" in claims;
    return isObject && typeof claims.iss === "string" ? claims.iss : undefined;
  } catch {
    return undefined;
  }
}

export interface KeySetOptions {
  /** Fetches the set, as JSON. */
  readonly load: (signal: AbortSignal) => Promise<unknown>;
  /** For how long a set is good. */
  readonly freshMs: number;
  /** An unknown key has the set fetched anew, but not more often than this. */
  readonly cooldownMs: number;
}

/** Keys that somebody else publishes, fetched when they are needed and again when they change. */
export async function remoteKeys(options: KeySetOptions): Promise<JWTVerifyGetKey> {
  const { createRemoteJWKSet, customFetch } = await import("jose");
  const { load, freshMs, cooldownMs } = options;
  return createRemoteJWKSet(new URL("https://keys.invalid/"), {
    cacheMaxAge: freshMs,
    cooldownDuration: cooldownMs,
    [customFetch]: async (_url: string, { signal }: { readonly signal: AbortSignal }) => {
      return Response.json(await load(signal));
    },
  });
}

async function whyBad(thrown: unknown): Promise<string> {
  const { errors } = await import("jose");
  if (thrown instanceof errors.JWTExpired) return "the token has expired";
  if (thrown instanceof errors.JWTClaimValidationFailed) {
    return `the claim "${thrown.claim}" of the token is not as it must be`;
  }
  if (thrown instanceof errors.JWSSignatureVerificationFailed) {
    return "the signature of the token is not good";
  }
  if (thrown instanceof errors.JWKSNoMatchingKey) return "no known key has signed the token";
  if (thrown instanceof errors.JOSEError) return "the token cannot be read";
  return "the keys of the issuer cannot be fetched";
}

/** Keys that are given as a JSON Web Key Set. */
export async function localKeys(set: unknown): Promise<JWTVerifyGetKey> {
  const { createLocalJWKSet } = await import("jose");
  return createLocalJWKSet(set as JSONWebKeySet);
}
