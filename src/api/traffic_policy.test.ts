import assert from "node:assert/strict";
import { test } from "node:test";
import { TRAFFIC_POLICY } from "./traffic_policy.ts";
import type { TrafficPolicySpec } from "./traffic_policy_schema.ts";

const JWT = { issuer: "https://id.example.com", jwksUri: "https://id.example.com/keys" };

const WHOLE: TrafficPolicySpec = {
  hosts: ["shop.example.com", "*.shop.example.com"],
  rules: [
    { name: "beta", match: { headers: [{ name: "x-user", oneOf: ["ann"] }] }, to: { tag: "beta" } },
    { name: "api", match: { pathPrefix: "/api" }, to: { route: "api" }, rewritePrefix: "/" },
    {
      name: "org",
      match: { claims: [{ name: "org.id", exact: "7" }] },
      to: { revision: "a-00002" },
    },
  ],
  sticky: { cookie: "sid", issue: true },
  mirrors: [{ revision: "a-00003", percent: 0.5 }],
  allowRevisionHeader: true,
  ip: { allow: ["10.0.0.0/8", "fd00::/8"], deny: ["10.0.0.1"] },
  redirects: [{ match: { path: "/old" }, path: "/new", code: 301 }, { scheme: "https" }],
  jwt: { ...JWT, publicPaths: ["/health"], claimHeaders: [{ claim: "sub", header: "X-User" }] },
  rateLimits: [
    { requests: 10, per: "1s" },
    { requests: 100, per: "1m", claim: "sub" },
  ],
  cors: { allowOrigins: ["https://app.example.com", "https://*.example.com"] },
  compression: { types: ["text/*"], algorithms: ["br"] },
  maxBodyBytes: 1024,
  responseHeaders: { set: { "Strict-Transport-Security": "max-age=1" }, remove: ["Server"] },
};

const WRONG: readonly { readonly spec: TrafficPolicySpec; readonly says: string }[] = [
  { spec: { hosts: ["Shop"] }, says: "spec.hosts[0]: invalid value: Shop: want a DNS name" },
  {
    spec: { hosts: ["a.example.com", "b.example.com", "a.example.com"] },
    says: "spec.hosts[2]: invalid value: a.example.com: it is in this list already",
  },
  {
    spec: { rules: [{ name: "x", match: {}, to: { tag: "a" } }] },
    says: "spec.rules[0].match: expected something to match",
  },
  {
    spec: { rules: [{ name: "x", match: { path: "/x" }, to: { tag: "a", route: "b" } }] },
    says: "spec.rules[0].to.tag, spec.rules[0].to.route: expected exactly one, got both",
  },
  {
    spec: { rules: [{ name: "x", match: { claims: [{ name: "sub" }] }, to: { tag: "a" } }] },
    says: "spec.rules[0].match.claims: expected spec.jwt as well",
  },
  {
    spec: { rules: [{ name: "x", match: { path: "/a" }, to: { tag: "a" }, rewritePrefix: "/" }] },
    says: "spec.rules[0].rewritePrefix: expected match.pathPrefix as well",
  },
  ...[{ headers: [] }, { methods: [] }, { query: [] }].map((match) => ({
    spec: { rules: [{ name: "x", match, to: { tag: "a" } }] },
    says: `.${Object.keys(match)[0]}: expected at least one of them: or leave it out`,
  })),
  {
    spec: { rules: [{ name: "x", match: { path: "/a?b=1" }, to: { tag: "a" } }] },
    says: "spec.rules[0].match.path: invalid value: /a?b=1: want a path as it is sent",
  },
  {
    spec: {
      rules: [
        {
          name: "x",
          match: { query: [{ name: "v", exact: "1", present: false }] },
          to: { tag: "a" },
        },
      ],
    },
    says: "spec.rules[0].match.query[0]: expected nothing beside present: false",
  },
  { spec: { sticky: { header: "a", cookie: "b" } }, says: "expected exactly one, got both" },
  { spec: { sticky: { header: "a b" } }, says: "spec.sticky.header: invalid value: a b" },
  { spec: { mirrors: [{ tag: "a", percent: 0.25 }] }, says: "want steps of 0.1" },
  {
    spec: { ip: { allow: ["10.0.0.0/33"] } },
    says: "spec.ip.allow[0]: invalid value: 10.0.0.0/33",
  },
  { spec: { ip: { allow: [] } }, says: "expected at least one address: it would refuse" },
  {
    spec: {
      mirrors: [
        { tag: "a", percent: 60 },
        { revision: "b-00001", percent: 60 },
      ],
    },
    says: "spec.mirrors: expected at most 100 percent in all, got 120",
  },
  {
    spec: { redirects: [{ match: { pathPrefix: "/old" }, path: "/old/new" }] },
    says: "spec.redirects[0].path: invalid value: /old/new: it would be redirected once more",
  },
  { spec: { jwt: { ...JWT, audiences: [] } }, says: "spec.jwt.audiences: expected at least one" },
  { spec: { redirects: [{ code: 301 }] }, says: "expected scheme, host or path" },
  { spec: { redirects: [{ scheme: "https", code: 200 }] }, says: "spec.redirects[0].code" },
  { spec: { jwt: { issuer: "a" } }, says: "expected exactly one, got neither" },
  { spec: { jwt: { ...JWT, algorithms: ["HS256"] } }, says: "spec.jwt.algorithms[0]" },
  {
    spec: { jwt: { issuer: "a", jwks: '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}' } },
    says: "spec.jwt.jwks: has a private key",
  },
  { spec: { rateLimits: [{ requests: 0, per: "1s" }] }, says: "expected 1 <= 0 <= 1000000" },
  { spec: { rateLimits: [{ requests: 1, per: "1 s" }] }, says: 'want a duration from "1ms"' },
  {
    spec: { cors: { allowOrigins: ["*"], allowCredentials: true } },
    says: "name the origins that may use cookies",
  },
  {
    spec: { requestHeaders: { set: { Host: "x" } } },
    says: "spec.requestHeaders.set.Host: invalid value: Host: it frames the message",
  },
  {
    spec: { responseHeaders: { set: { "X-A": "a\r\nb" } } },
    says: "spec.responseHeaders.set[X-A]: invalid value: a\r\nb: want letters of Latin-1",
  },
];

test("a policy that uses all there is has nothing wrong with it", () => {
  assert.deepEqual(wrongOf(WHOLE), []);
});

for (const { spec, says } of WRONG) {
  test(`a policy is refused with field, value and way out: ${says}`, () => {
    const said = wrongOf(spec);
    assert(
      said.some((line) => line.includes(says)),
      said.join("\n"),
    );
  });
}

test("a field that is not known is refused, for whoever misspells a policy has none", () => {
  const said = wrongOf({}, ["spec.jtw", "status.x"]);
  assert.deepEqual(said.length, 1);
  assert.match(said[0] ?? "", /^spec\.jtw: Unknown field/);
});

function wrongOf(spec: TrafficPolicySpec, unknown: readonly string[] = []): readonly string[] {
  const { apiVersion, kind } = TRAFFIC_POLICY;
  const draft = { apiVersion, kind, metadata: { name: "a", namespace: "default" }, spec };
  const found = TRAFFIC_POLICY.validate?.(draft, { stored: undefined, unknown }) ?? [];
  return found.map(({ field, message, details = "" }) => `${field}: ${message}: ${details}`);
}
