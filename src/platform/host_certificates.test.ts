import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ModelGateway } from "../../test/world/model_gateway.ts";
import { World } from "../../test/world/world.ts";
import { DOMAIN_MAPPING, type DomainMapping } from "../api/domain_mapping.ts";
import { LABEL } from "../api/labels.ts";
import type { Draft } from "../api/meta.ts";
import { SECRET, type Secret } from "../api/secret.ts";
import { type KeyPair, makeCertificate } from "../base/certificate.ts";
import { silentLog } from "../base/log.ts";
import { readConfig } from "./config.ts";
import { HostCertificates } from "./host_certificates.ts";
import { LocalCache } from "./local_cache.ts";

const HOST = "shop.example.com";
const ROUTE_KEY = { namespace: "default", name: "shop" };

/** What looks at Secrets, in a world that has no time but its own. */
async function begin() {
  const stack = new AsyncDisposableStack();
  const world = stack.use(await World.make());
  const { clock, store } = world.context;
  const directory = await mkdtemp(join(tmpdir(), "varve-hosts-"));
  stack.defer(() => rm(directory, { recursive: true }));
  await mkdir(join(directory, "hosts"));
  const authority = await makeCertificate({ name: "test", nowMs: clock.now(), days: 900 });
  const gateway = Object.assign(new ModelGateway(clock), { tlsAddress: undefined });
  const told: string[] = [];
  const certificates = stack.use(
    new HostCertificates({
      ...{ config: readConfig([], {}), directory, authority, clock, gateway },
      ...{ log: silentLog, cache: stack.use(new LocalCache(store)) },
      recorder: {
        record: ({ metadata }, { message }) => told.push(`${metadata.name}: ${message}`),
      },
    }),
  );
  await certificates.start();
  const make = (hosts: readonly string[], days = 8) =>
    makeCertificate({ name: "given", hosts, issuer: authority, nowMs: clock.now(), days });
  return { world, gateway, certificates, authority, told, make, stack };
}

test("a mapping has the certificate of the Secret it names, and says what that lacks", async () => {
  const { world, gateway, certificates, make, stack } = await begin();
  await using _all = stack;
  const state = async () => {
    await turn();
    const now = certificates.stateOf(HOST, { route: ROUTE_KEY, isPublic: true });
    return "message" in now ? now.message : now.is;
  };
  assert.equal(await state(), "own");
  const mapping = await world.client.create(mappingTo("mine"));
  const lack = `Secret "mine" has no certificate for "${HOST}"`;
  assert.equal(await state(), `${lack}: there is no such Secret`);
  const secret = await world.client.create(secretOf("mine", await make(["other.example.com"])));
  assert.equal(await state(), `${lack}: it is for other.example.com`);
  assert.equal(gateway.tls.has("secret/default/mine"), true);

  const { cert, key } = await make([HOST]);
  const stringData = { "tls.crt": cert, "tls.key": key };
  await world.client.patch({ kind: SECRET, key: secret.metadata }, { stringData });
  assert.equal(await state(), "given");
  await world.client.delete(mapping);
  assert.equal(await state(), "own");
  assert.equal(gateway.tls.has("secret/default/mine"), false);
});

test("a Secret that is for the gateway and cannot be served is told why", async () => {
  const { world, gateway, authority, told, make, stack } = await begin();
  await using _all = stack;
  const labels = { [LABEL.certificate]: "true" };
  const [good, other] = [await make([HOST]), await make([HOST])];
  const chain = (...certs: readonly string[]) => ({ ...good, cert: certs.join("\n") });
  const torn = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const secrets: readonly Draft<Secret>[] = [
    secretOf("fine", good, { labels }),
    secretOf("chained", chain(good.cert, authority.cert), { labels }),
    secretOf("silent", other),
    secretOf("glued", { ...good, cert: good.cert.trim() + authority.cert }, { labels }),
    secretOf("old", await make([HOST], -1), { labels }),
    secretOf("nameless", await make([]), { labels }),
    secretOf("opaque", good, { labels }, "Opaque"),
    secretOf("mixed", { ...good, key: other.key }, { labels }),
    secretOf("turned", chain(authority.cert, good.cert), { labels }),
    secretOf("torn", chain(good.cert, torn), { labels }),
  ];
  for (const secret of secrets) {
    await world.client.create(secret);
    await turn();
  }
  const served = [...gateway.tls.keys()].filter((id) => id.startsWith("secret/"));
  assert.deepEqual(served, ["secret/default/fine", "secret/default/chained"]);
  const words = told.map((line) =>
    line.replace(/Cannot serve the certificate of Secret "\w+": /, ""),
  );
  assert.deepEqual(words, [
    "glued: the chain is not PEM that can be read: each certificate begins on a line of its own",
    "old: the certificate ran out on 2025-12-31T00:00:00Z",
    "nameless: the certificate is for no host: clients look for names in subjectAltName alone",
    'opaque: its type is "Opaque", not "kubernetes.io/tls": kubectl create secret tls makes one',
    "mixed: the key is of another certificate",
    "turned: the chain is in the wrong order: the certificate of the key comes first",
    "torn: certificate 2 of the chain is not PEM that can be read",
  ]);
});

/** What was begun by a change has ended. */
async function turn(): Promise<void> {
  for (let round = 0; round < 5; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

function mappingTo(secretName: string): Draft<DomainMapping> {
  const { apiVersion, kind } = DOMAIN_MAPPING;
  const ref = { apiVersion: "serving.knative.dev/v1", kind: "Service", name: ROUTE_KEY.name };
  const metadata = { namespace: "default", name: HOST };
  return { apiVersion, kind, metadata, spec: { ref, tls: { secretName } } };
}

function secretOf(
  name: string,
  { cert, key }: KeyPair,
  more: { readonly labels?: Record<string, string> } = {},
  type = "kubernetes.io/tls",
): Draft<Secret> {
  const { apiVersion, kind } = SECRET;
  const stringData = { "tls.crt": cert, "tls.key": key };
  return { apiVersion, kind, metadata: { name, namespace: "default", ...more }, type, stringData };
}
