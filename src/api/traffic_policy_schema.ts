import { t, type Value } from "../base/schema.ts";

// What the gateway serves by is in the words of this schema, down to its workers: no converters.

/** What one value must be; with nothing beside the name, it must be there. */
const valueMatch = t.Object({
  name: t.String(),
  exact: t.Optional(t.String()),
  prefix: t.Optional(t.String()),
  /** One of these, such as the people who are to try a version first. */
  oneOf: t.Optional(t.Array(t.String())),
  /** False: it must not be there. */
  present: t.Optional(t.Boolean()),
});

/** All that is given must hold. */
const match = t.Object({
  /** "/api" is "/api" itself and all below "/api/", as it was sent: nothing is decoded. */
  pathPrefix: t.Optional(t.String()),
  /** The path without the query. */
  path: t.Optional(t.String()),
  methods: t.Optional(t.Array(t.String())),
  headers: t.Optional(t.Array(valueMatch)),
  cookies: t.Optional(t.Array(valueMatch)),
  query: t.Optional(t.Array(valueMatch)),
  /** Of a token that `jwt` has checked: "sub", or "org.id" inside of another. */
  claims: t.Optional(t.Array(valueMatch)),
});

/** Exactly one of them. */
const target = {
  /** A tag in the traffic of the Route. */
  tag: t.Optional(t.String()),
  /** A Revision of the Route's namespace. */
  revision: t.Optional(t.String()),
  /** Another Route of the namespace, by its own traffic. */
  route: t.Optional(t.String()),
};

const rule = t.Object({
  name: t.String(),
  match,
  to: t.Object(target),
  /** Put in the place of `match.pathPrefix`. */
  rewritePrefix: t.Optional(t.String()),
});

/** Whose requests go to the same Revision; exactly one of the first four. */
const sticky = t.Object({
  header: t.Optional(t.String()),
  cookie: t.Optional(t.String()),
  claim: t.Optional(t.String()),
  clientAddress: t.Optional(t.Boolean()),
  /** With `cookie`: who has none is given one. */
  issue: t.Optional(t.Boolean()),
});

const mirror = t.Object({
  tag: t.Optional(t.String()),
  revision: t.Optional(t.String()),
  /** Of all requests, in steps of a tenth. */
  percent: t.Number(),
});

const ip = t.Object({
  /** In CIDR notation. With a list, all others are refused. */
  allow: t.Optional(t.Array(t.String())),
  deny: t.Optional(t.Array(t.String())),
});

const redirect = t.Object({
  match: t.Optional(match),
  /** "https" sends plain requests to the same address over TLS. */
  scheme: t.Optional(t.OneOf("http", "https")),
  host: t.Optional(t.String()),
  /** Put in the place of `match.pathPrefix`, or of the whole path. */
  path: t.Optional(t.String()),
  /** 301, 302, 303, 307 or 308; 308 when left out. */
  code: t.Optional(t.Integer()),
});

const claimHeader = t.Object({ claim: t.String(), header: t.String() });

const jwt = t.Object({
  issuer: t.String(),
  /** The token must be for one of them; any, when left out. */
  audiences: t.Optional(t.Array(t.String())),
  /** Where the issuer's keys are; one of the two. */
  jwksUri: t.Optional(t.String()),
  /** The keys themselves, as JSON. */
  jwks: t.Optional(t.String()),
  /** Asymmetric ones of RFC 7518; RS256, ES256 and EdDSA when left out. */
  algorithms: t.Optional(t.Array(t.String())),
  /** Where the token is, instead of `Authorization: Bearer`. */
  header: t.Optional(t.String()),
  cookie: t.Optional(t.String()),
  /** False: who has no token passes, though not who has a bad one. */
  required: t.Optional(t.Boolean()),
  /** What the token must say beside. */
  claims: t.Optional(t.Array(valueMatch)),
  /** Paths that need no token: these very ones, and nothing below them. */
  publicPaths: t.Optional(t.Array(t.String())),
  /** Tells the instance of claims; what a client says under such a name is dropped. */
  claimHeaders: t.Optional(t.Array(claimHeader)),
});

const rateLimit = t.Object({
  /** So many requests… */
  requests: t.Integer(),
  /** …in this time, in Go's notation: "1s", "1m". */
  per: t.String(),
  /** At once, when there were few before; as many as `requests` when left out. */
  burst: t.Optional(t.Integer()),
  /** Each value has a limit of its own; the client's address when none is given. */
  header: t.Optional(t.String()),
  claim: t.Optional(t.String()),
  /** One limit for all together. */
  all: t.Optional(t.Boolean()),
});

const cors = t.Object({
  /** "https://app.example.com", "https://*.example.com", or "*". */
  allowOrigins: t.Array(t.String()),
  allowMethods: t.Optional(t.Array(t.String())),
  allowHeaders: t.Optional(t.Array(t.String())),
  exposeHeaders: t.Optional(t.Array(t.String())),
  allowCredentials: t.Optional(t.Boolean()),
  maxAgeSeconds: t.Optional(t.Integer()),
});

const compression = t.Object({
  algorithms: t.Optional(t.Array(t.OneOf("br", "gzip"))),
  /** What is known to be shorter goes as it is; 1024 when left out. */
  minBytes: t.Optional(t.Integer()),
  /** Media types, or "text/*"; text of all sorts when left out. */
  types: t.Optional(t.Array(t.String())),
});

/** Removes first, then sets. */
const headerEdits = t.Object({
  remove: t.Optional(t.Array(t.String())),
  set: t.Optional(t.MapOf(t.String())),
  add: t.Optional(t.MapOf(t.String())),
});

/** What requests must pass on every host of the Route, its tags included. */
export const guardFields = {
  ip: t.Optional(ip),
  redirects: t.Optional(t.Array(redirect)),
  jwt: t.Optional(jwt),
  rateLimits: t.Optional(t.Array(rateLimit)),
  cors: t.Optional(cors),
  maxBodyBytes: t.Optional(t.Integer()),
  requestHeaders: t.Optional(headerEdits),
  responseHeaders: t.Optional(headerEdits),
  compression: t.Optional(compression),
  /** Answers do not tell which Revision they come from. */
  hideRevision: t.Optional(t.Boolean()),
};

export const policySpec = t.Object({
  /** More hosts of the Route: "shop.example.com", or "*.example.com". */
  hosts: t.Optional(t.Array(t.String())),
  rules: t.Optional(t.Array(rule)),
  sticky: t.Optional(sticky),
  mirrors: t.Optional(t.Array(mirror)),
  /** Clients may name any Revision of the Route's traffic in `Varve-Revision`. */
  allowRevisionHeader: t.Optional(t.Boolean()),
  /** False: `Knative-Serving-Tag` means nothing here. */
  tagHeader: t.Optional(t.Boolean()),
  ...guardFields,
});

const guards = t.Object(guardFields);

export type TrafficPolicySpec = Value<typeof policySpec>;
/** The part of a policy that a worker of the gateway carries out. */
export type Guards = Value<typeof guards>;
export type ValueMatch = Value<typeof valueMatch>;
export type Match = Value<typeof match>;
export type PolicyRule = Value<typeof rule>;
export type StickyBy = Value<typeof sticky>;
export type Jwt = Value<typeof jwt>;
export type Redirect = Value<typeof redirect>;
export type RateLimit = Value<typeof rateLimit>;
export type Cors = Value<typeof cors>;
export type Compression = Value<typeof compression>;
export type HeaderEdits = Value<typeof headerEdits>;

/** A policy without what only the reconciler of its Route reads. */
export function guardsOf(spec: TrafficPolicySpec): Guards | undefined {
  const keys = Object.keys(guardFields).filter((key) => key in spec);
  if (keys.length === 0) return undefined;
  return Object.fromEntries(keys.map((key) => [key, spec[key as keyof Guards]])) as Guards;
}
