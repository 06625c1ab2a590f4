import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpsRequest } from "node:https";
import { test } from "node:test";
import {
  type KeyPair,
  makeCertificate,
  makeCertificateRequest,
  signRequest,
} from "./certificate.ts";
import { systemClock } from "./clock.ts";
import { makeHttpServer } from "./http_server.ts";

const HOSTS = ["127.0.0.1"];
const SUBJECT = { name: "alice", organizations: ["dev", "ops"] };

async function certified(issuer: KeyPair, seconds: number): Promise<KeyPair> {
  const { request, key } = await makeCertificateRequest(SUBJECT);
  return { cert: await signRequest(request, { issuer, nowMs: systemClock.now(), seconds }), key };
}

test("a peer is whom a certificate of the clients' authority names", async () => {
  const nowMs = systemClock.now();
  const authority = await makeCertificate({ name: "authority", nowMs, days: 1 });
  const another = await makeCertificate({ name: "authority", nowMs, days: 1 });
  const of = { name: "api", hosts: HOSTS, issuer: authority, nowMs, days: 1 };
  const own = await makeCertificate(of);
  await using server = makeHttpServer({
    tls: { ...own, clientAuthority: authority.cert },
    bodyBytesMax: 1000,
    onError: () => ({ code: 500 }),
    onUnknown: ({ peer }) => ({ code: 200, body: { peer } }),
  });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  const peerOf = async (client: Partial<KeyPair>): Promise<unknown> => {
    const options = { host: "127.0.0.1", port, path: "/", ca: authority.cert, agent: false };
    const request = httpsRequest({ ...options, ...client }).end();
    const [response] = await once(request, "response");
    const text = Buffer.concat(await Array.fromAsync(response as AsyncIterable<Buffer>)).toString();
    return JSON.parse(text).peer;
  };
  assert.deepEqual(await peerOf(await certified(authority, 60)), SUBJECT);
  assert.equal(await peerOf({}), undefined);
  assert.equal(await peerOf(await certified(another, 60)), undefined);
  assert.equal(await peerOf(own), undefined, "a server's certificate is no client's");
  assert.equal(await peerOf(await certified(authority, -1)), undefined, "it has run out");
});
