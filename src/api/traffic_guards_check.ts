import { isIPv4, isIPv6 } from "node:net";
import {
  checkMatch,
  checkPath,
  checkSome,
  checkTime,
  checkToken,
  checkValues,
} from "./traffic_match_check.ts";
import type {
  Cors,
  HeaderEdits,
  Jwt,
  RateLimit,
  Redirect,
  TrafficPolicySpec,
} from "./traffic_policy_schema.ts";
import { at, invalidValue, notExactlyOne, outside, type Violation, wrong } from "./violation.ts";

/** What is wrong with what requests must pass. */
export function checkGuards(spec: TrafficPolicySpec): readonly Violation[] {
  const { ip, redirects = [], jwt, rateLimits = [], cors, compression } = spec;
  return [
    ...checkSome("spec.ip.allow", ip?.allow, "address: it would refuse everybody"),
    ...(["allow", "deny"] as const).flatMap((list) =>
      (ip?.[list] ?? []).flatMap((text, index) => checkCidr(at("spec.ip", list, index), text)),
    ),
    ...redirects.flatMap((it, index) => checkRedirect(it, at("spec.redirects", index), spec)),
    ...(jwt === undefined ? [] : checkJwt(jwt)),
    ...rateLimits.flatMap((it, index) => checkRate(it, at("spec.rateLimits", index), spec)),
    ...(cors === undefined ? [] : checkCors(cors)),
    ...outside("spec.maxBodyBytes", spec.maxBodyBytes, { from: 0, to: 2 ** 40 }),
    ...checkEdits("spec.requestHeaders", spec.requestHeaders),
    ...checkEdits("spec.responseHeaders", spec.responseHeaders),
    ...(["algorithms", "types"] as const).flatMap((list) =>
      checkSome(at("spec.compression", list), compression?.[list], "of them"),
    ),
    ...outside("spec.compression.minBytes", compression?.minBytes, { from: 0, to: 2 ** 30 }),
    ...(compression?.types ?? []).flatMap((type, index) =>
      /^[a-z0-9.+-]+\/(?:[a-z0-9.+-]+|\*)$/.test(type)
        ? []
        : [invalidValue(at("spec.compression.types", index), type, 'want "text/css" or "text/*"')],
    ),
  ];
}

function checkCidr(field: string, text: string): readonly Violation[] {
  const [, address = "", bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  if (most >= 0 && Number(bits ?? most) <= most) return [];
  return [invalidValue(field, text, 'want an address, or a block such as "10.0.0.0/8"')];
}

const CODES = [301, 302, 303, 307, 308];

function checkRedirect(
  redirect: Redirect,
  path: string,
  spec: TrafficPolicySpec,
): readonly Violation[] {
  const { match = {}, scheme, host, code = 308 } = redirect;
  const isNowhere = scheme === undefined && host === undefined && redirect.path === undefined;
  const isHost = host === undefined || /^[a-z0-9.-]+(:\d+)?$/.test(host);
  const isCircle = (scheme ?? host) === undefined && leadsBack(match.pathPrefix, redirect.path);
  const circle = "it would be redirected once more: it is below match.pathPrefix itself";
  return [
    ...checkMatch(match, at(path, "match"), spec),
    ...(isCircle ? [invalidValue(at(path, "path"), redirect.path, circle)] : []),
    ...(isNowhere
      ? [wrong(path, "expected scheme, host or path: it would lead to where it is")]
      : []),
    ...(isHost
      ? []
      : [invalidValue(at(path, "host"), host, "want a host, with a port or without")]),
    ...checkPath(at(path, "path"), pathOf(redirect)),
    ...(match.claims === undefined
      ? []
      : [wrong(at(path, "match.claims"), "redirects come before tokens are checked")]),
    ...(CODES.includes(code)
      ? []
      : [invalidValue(at(path, "code"), code, `want one of ${CODES.join(", ")}`)]),
  ];
}

/** In the place of a whole path there may be one with a query. */
function pathOf({ path, match }: Redirect): string | undefined {
  return match?.pathPrefix === undefined ? path?.split("?")[0] : path;
}

/** Whether what is put in the place of a prefix begins with that prefix. */
function leadsBack(prefix: string | undefined, path: string | undefined): boolean {
  if (prefix === undefined || path === undefined) return false;
  const whole = prefix.endsWith("/") ? prefix : `${prefix}/`;
  return path === prefix || `${path}/`.startsWith(whole);
}

/** No secret is shared with whoever checks: those of HMAC would be. */
const ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

function checkJwt(jwt: Jwt): readonly Violation[] {
  const path = "spec.jwt";
  const given = (["jwksUri", "jwks"] as const).filter((way) => jwt[way] !== undefined);
  const both = jwt.header !== undefined && jwt.cookie !== undefined;
  return [
    ...checkSome(at(path, "audiences"), jwt.audiences, "audience"),
    ...checkSome(at(path, "algorithms"), jwt.algorithms, "algorithm"),
    ...checkValues(at(path, "claims"), jwt.claims ?? []),
    ...(jwt.issuer === "" ? [invalidValue(at(path, "issuer"), "", "want the issuer's name")] : []),
    ...notExactlyOne(path, { given, ways: ["jwksUri", "jwks"] }),
    ...checkUri(at(path, "jwksUri"), jwt.jwksUri),
    ...checkKeys(at(path, "jwks"), jwt.jwks),
    ...(jwt.algorithms ?? []).flatMap((name, index) =>
      ALGORITHMS.includes(name)
        ? []
        : [
            invalidValue(
              at(path, "algorithms", index),
              name,
              `want one of ${ALGORITHMS.join(", ")}`,
            ),
          ],
    ),
    ...(both ? [wrong(`${path}.header, ${path}.cookie`, "expected at most one, got both")] : []),
    ...checkToken(at(path, "header"), jwt.header),
    ...checkToken(at(path, "cookie"), jwt.cookie),
    ...(jwt.publicPaths ?? []).flatMap((it, at_) => checkPath(at(path, "publicPaths", at_), it)),
    ...(jwt.claimHeaders ?? []).flatMap(({ header }, at_) =>
      checkToken(at(path, "claimHeaders", at_, "header"), header),
    ),
  ];
}

function checkUri(field: string, text: string | undefined): readonly Violation[] {
  if (text === undefined || (URL.canParse(text) && /^https?:\/\//.test(text))) return [];
  return [invalidValue(field, text, "want a URL of https, or of http")];
}

function checkKeys(field: string, text: string | undefined): readonly Violation[] {
  if (text === undefined) return [];
  try {
    const set: unknown = JSON.parse(text);
    const keys = typeof set === "object" && set !== null && "keys" in set ? set.keys : undefined;
    const isPrivate = Array.isArray(keys) && keys.some((key) => "d" in key || "k" in key);
    if (isPrivate) return [wrong(field, "has a private key: give the public ones alone")];
    if (Array.isArray(keys) && keys.length > 0) return [];
  } catch {}
  return [wrong(field, 'expected a JSON Web Key Set, such as {"keys": […]}')];
}

function checkRate(
  limit: RateLimit,
  path: string,
  { jwt }: TrafficPolicySpec,
): readonly Violation[] {
  const given = (["header", "claim", "all"] as const).filter((way) => limit[way] !== undefined);
  const noToken = "expected spec.jwt as well: only a token that was checked has claims";
  return [
    ...outside(at(path, "requests"), limit.requests, { from: 1, to: 1_000_000 }),
    ...outside(at(path, "burst"), limit.burst, { from: 1, to: 1_000_000 }),
    ...checkTime(at(path, "per"), limit.per),
    ...checkToken(at(path, "header"), limit.header),
    ...(given.length > 1 ? [wrong(path, `expected at most one of ${given.join(", ")}`)] : []),
    ...(limit.claim !== undefined && jwt === undefined ? [wrong(at(path, "claim"), noToken)] : []),
  ];
}

const ORIGIN = /^(\*|https?:\/\/(\*\.)?[a-z0-9.-]+(:\d+)?)$/;

function checkCors({ allowOrigins, allowCredentials, maxAgeSeconds, ...cors }: Cors) {
  const path = "spec.cors";
  const all = 'may not be "*" with allowCredentials: name the origins that may use cookies';
  return [
    ...checkSome(at(path, "allowOrigins"), allowOrigins, 'origin, or "*"'),
    ...allowOrigins.flatMap((origin, index) =>
      ORIGIN.test(origin)
        ? []
        : [
            invalidValue(
              at(path, "allowOrigins", index),
              origin,
              'want "https://app.example.com", "https://*.example.com" or "*"',
            ),
          ],
    ),
    ...(allowCredentials === true && allowOrigins.includes("*")
      ? [wrong(at(path, "allowOrigins"), all)]
      : []),
    ...(["allowMethods", "allowHeaders", "exposeHeaders"] as const).flatMap((list) =>
      (cors[list] ?? []).flatMap((name, index) => checkToken(at(path, list, index), name)),
    ),
    ...outside(at(path, "maxAgeSeconds"), maxAgeSeconds, { from: 0, to: 86_400 }),
  ];
}

/** What frames a message is the gateway's, and no matter of policy. */
const FRAMING = ["connection", "content-length", "host", "transfer-encoding", "upgrade", "te"];

function checkEdits(path: string, edits: HeaderEdits = {}): readonly Violation[] {
  const { remove = [], set = {}, add = {} } = edits;
  const values = (["set", "add"] as const).flatMap((list) =>
    Object.entries(edits[list] ?? {}).map(
      ([name, value]) => [at(path, list, name), value] as const,
    ),
  );
  const named = [
    ...remove.map((name, index) => [at(path, "remove", index), name] as const),
    ...Object.keys(set).map((name) => [at(path, "set", name), name] as const),
    ...Object.keys(add).map((name) => [at(path, "add", name), name] as const),
  ];
  return [
    ...named.flatMap(([field, name]) => checkToken(field, name)),
    ...named
      .filter(([, name]) => FRAMING.includes(name.toLowerCase()))
      .map(([field, name]) => invalidValue(field, name, "it frames the message: leave it alone")),
    ...values.flatMap(([field, value]) =>
      /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
        ? []
        : [invalidValue(field, value, "want letters of Latin-1, and no control characters")],
    ),
  ];
}
