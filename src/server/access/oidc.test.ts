import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { AUDIENCE, HOSTS, TestServer } from "../../../test/support/api_server.ts";
import { makeCertificate } from "../../base/certificate.ts";
import { systemClock } from "../../base/clock.ts";
import { HttpClient } from "../../base/http_client.ts";
import { type Claims, makeSigningKey, readSigningKey, signToken } from "../../base/jwt.ts";
import { callerOf, type OidcOptions, OidcTokens } from "./oidc.ts";

const OPTIONS: OidcOptions = {
  ...{ issuer: "", clientId: "varve", usernameClaim: "email", usernamePrefix: "" },
  ...{ groupsClaim: "groups", groupsPrefix: "corp:", requiredClaims: { hd: "example.com" } },
  algorithms: ["ES256"],
};
const ALICE = { email: "alice@example.com", hd: "example.com", groups: ["dev", "ops"] };

/** An issuer on a socket, whose keys can change, and the API that believes it. */
async function world() {
  await using stack = new AsyncDisposableStack();
  const nowMs = systemClock.now();
  const authority = await makeCertificate({ name: "authority", nowMs, days: 1 });
  const tls = await makeCertificate({
    name: "id",
    hosts: HOSTS,
    issuer: authority,
    nowMs,
    days: 1,
  });
  let key = await readSigningKey(makeSigningKey());
  let fetches = 0;
  const server = createServer(tls, ({ url }, response) => {
    if (url === "/keys") fetches += 1;
    const document = { issuer, jwks_uri: `${issuer}/keys` };
    response.end(JSON.stringify(url === "/keys" ? { keys: [key.jwk] } : document));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const http = stack.use(new HttpClient({ ca: [authority.cert] }));
  const deps = { clock: systemClock, http, audiences: [AUDIENCE], cooldownMs: 0 };
  const tokens = new OidcTokens({ ...OPTIONS, issuer }, deps);
  const api = stack.use(await TestServer.start({ sources: [tokens] }));
  const seconds = Math.floor(nowMs / 1000);
  const times = { iat: seconds, exp: seconds + 600 };
  const all = stack.move();
  return {
    fetches: () => fetches,
    sign: (claims: Claims) =>
      signToken({ iss: issuer, sub: "1", aud: "varve", ...times, ...ALICE, ...claims }, key),
    rotate: async () => {
      key = await readSigningKey(makeSigningKey());
    },
    /** As whom the API takes the bearer of a token, or why it does not. */
    async whoIs(token: string) {
      const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
      const { code, body } = await api.ask(path, { method: "POST", token, body: "{}" });
      if (code !== 201) return `${code} ${body["message"]}`;
      return (body["status"] as { readonly userInfo: unknown }).userInfo;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

test("a person comes in by an ID token, with the name and groups it says", async () => {
  await using it = await world();
  const alice = {
    username: "alice@example.com",
    groups: ["corp:dev", "corp:ops", "system:authenticated"],
  };
  assert.deepEqual(await it.whoIs(await it.sign({})), alice);
  assert.deepEqual(await it.whoIs(await it.sign({ jti: "2" })), alice);
  assert.equal(it.fetches(), 1);
});

test("a token that is not as it must be is refused, and the refusal says why", async () => {
  await using it = await world();
  const seconds = Math.floor(systemClock.now() / 1000);
  const says = async (claims: Claims) => await it.whoIs(await it.sign(claims));
  assert.equal(await says({ exp: seconds - 60 }), "401 Unauthorized: the token has expired");
  assert.match(
    String(await says({ aud: "another" })),
    /401 .+ the claim "aud" of the token is not/,
  );
  assert.match(String(await says({ hd: "evil.example" })), /the claim "hd" of the token is not/);
  assert.match(String(await says({ email_verified: false })), /has not been verified/);
  assert.match(String(await says({ email: "system:admin" })), /are not for users of an issuer/);
  const [head, body, end] = (await it.sign({})).split(".");
  const forged = Buffer.from(body ?? "", "base64url")
    .toString()
    .replace("alice", "admin");
  const token = [head, Buffer.from(forged).toString("base64url"), end].join(".");
  assert.match(String(await it.whoIs(token)), /the signature of the token is not good/);
  const none = Buffer.from('{"alg":"none"}').toString("base64url");
  assert.match(String(await it.whoIs([none, body, ""].join("."))), /401 Unauthorized/);
});

test("when the issuer takes another key, what it signs is good, and what was is not", async () => {
  await using it = await world();
  const before = await it.sign({ jti: "before" });
  await it.whoIs(await it.sign({}));
  await it.rotate();
  assert.equal(typeof (await it.whoIs(await it.sign({ jti: "after" }))), "object");
  assert.match(String(await it.whoIs(before)), /no known key has signed the token/);
  assert.equal(it.fetches() >= 2, true);
});

test("no group of an issuer is one of ours, whatever it is called", () => {
  const options = { ...OPTIONS, groupsPrefix: "" };
  const groups = ["system:masters", "dev"];
  assert.deepEqual(callerOf({ ...ALICE, groups }, options).groups, ["dev"]);
  assert.deepEqual(callerOf({ ...ALICE, groups: "one" }, options).groups, ["one"]);
});
