import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, readConfig } from "./config.ts";

const HOME = { VARVE_HOME: "/srv/varve" };
const access = (...args: readonly string[]) => readConfig(args, HOME).access;
const OIDC = ["--oidc-issuer", "https://id.example.com", "--oidc-client-id", "varve"];

test("without settings, the key is in the home and nobody comes in by OIDC", () => {
  assert.deepEqual(access(), {
    secretsKey: "/srv/varve/secrets.key",
    auditMegabytes: 64,
    requestsPerSecond: 200,
    streamsPerUser: 500,
    tokenIssuer: "https://kubernetes.default.svc.cluster.local",
    oidc: undefined,
  });
  assert.equal(access("--secrets-key", "/run/key").secretsKey, "/run/key");
});

test("names of an issuer have it as their prefix, unless they are e-mail addresses", () => {
  assert.equal(access(...OIDC).oidc?.usernamePrefix, "https://id.example.com#");
  assert.equal(access(...OIDC, "--oidc-username-claim", "email").oidc?.usernamePrefix, "");
  assert.equal(access(...OIDC, "--oidc-username-prefix", "-").oidc?.usernamePrefix, "");
  assert.equal(access(...OIDC, "--oidc-username-prefix", "corp:").oidc?.usernamePrefix, "corp:");
  const claims = access(...OIDC, "--oidc-required-claims", "hd=a.b,x=1=2").oidc?.requiredClaims;
  assert.deepEqual(claims, { hd: "a.b", x: "1=2" });
});

for (const { args, says } of [
  { args: ["--oidc-issuer", "https://a.b"], says: /--oidc-client-id .VARVE_OIDC_CLIENT_ID. is ""/ },
  { args: [...OIDC, "--oidc-issuer", "http://a.b"], says: /want an https URL/ },
  {
    args: [...OIDC, "--oidc-algorithms", "none"],
    says: /--oidc-algorithms .+ is "none": want some/,
  },
  { args: [...OIDC, "--oidc-required-claims", "hd"], says: /want CLAIM=VALUE/ },
  { args: ["--audit-mb", "-1"], says: /audit-mb/ },
  { args: ["--requests-per-second", "many"], says: /is "many": want a whole number/ },
  { args: ["--token-issuer", "me"], says: /--token-issuer .+ is "me": want an https URL/ },
]) {
  test(`${args.slice(-2).join(" ")} is refused, with the setting, the value and the rule`, () => {
    assert.throws(
      () => access(...args),
      (thrown) => thrown instanceof ConfigError && says.test(thrown.message),
    );
  });
}
