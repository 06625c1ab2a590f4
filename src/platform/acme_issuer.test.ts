import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ModelGateway } from "../../test/world/model_gateway.ts";
import { World } from "../../test/world/world.ts";
import { NAMESPACE } from "../api/namespace.ts";
import { SECRET, type Secret } from "../api/secret.ts";
import { makeCertificate } from "../base/certificate.ts";
import { makeSigningKey } from "../base/jwt.ts";
import { silentLog } from "../base/log.ts";
import { silentRecorder } from "../control/recorder.ts";
import { until } from "../gateway/rig.ts";
import { AcmeIssuer } from "./acme_issuer.ts";
import { readConfig } from "./config.ts";
import { HostCertificates } from "./host_certificates.ts";
import { LocalCache } from "./local_cache.ts";

const HOST = "shop.example.com";
const HEAD = { apiVersion: SECRET.apiVersion, kind: SECRET.kind };
const ACCOUNT = { namespace: "varve-system", name: "acme-account" };

const HALF_AN_HOUR = 1 / 48;
const DIRECTORY = "https://127.0.0.1:1/directory";

/** An issuer whose authority nobody can reach, and what is kept of the time before. */
async function begin(kept: object = {}) {
  const stack = new AsyncDisposableStack();
  const world = stack.use(await World.make());
  const { clock, store, chance } = world.context;
  const directory = await mkdtemp(join(tmpdir(), "varve-acme-"));
  stack.defer(() => rm(directory, { recursive: true }));
  await mkdir(join(directory, "hosts"));
  const authority = await makeCertificate({ name: "test", nowMs: clock.now(), days: 900 });
  const gateway = Object.assign(new ModelGateway(clock), { tlsAddress: undefined });
  const cache = stack.use(new LocalCache(store));
  const shared = { clock, chance, gateway, cache, recorder: silentRecorder, log: silentLog };
  const config = readConfig([], {});
  const hosts = stack.use(new HostCertificates({ ...shared, config, directory, authority }));
  const acme = {
    ...{ url: DIRECTORY, challenge: "http-01" as const },
    ...{ email: undefined, caPath: undefined },
  };
  const { client } = world;
  const { apiVersion, kind } = NAMESPACE;
  await client.create({ apiVersion, kind, metadata: { name: ACCOUNT.namespace } });
  const stringData = { key: makeSigningKey(), directory: DIRECTORY, backoff: JSON.stringify(kept) };
  await client.create<Secret>({ ...HEAD, metadata: ACCOUNT, stringData });
  const issuer = stack.use(new AcmeIssuer({ ...shared, acme, hosts, client }));
  hosts.issuer = issuer;
  await hosts.start();
  await issuer.start();
  const backoff = async (): Promise<Record<string, { readonly failures: number }>> => {
    const { data = {} } = await client.get(SECRET, ACCOUNT);
    return JSON.parse(Buffer.from(data["backoff"] ?? "", "base64").toString());
  };
  const failed = async (times: number | undefined) => {
    let seen: number | undefined = -1;
    await until(`it has failed ${times} times`, () => {
      void backoff().then((it) => {
        seen = it[HOST]?.failures;
      });
      return seen === times;
    });
  };
  /** In steps, so that whoever comes again and again gets to do so. */
  const pass = async (seconds: number) => {
    for (let passed = 0; passed < seconds; passed += 5) {
      clock.pass(5);
      for (let turn = 0; turn < 5; turn += 1) await new Promise((it) => setImmediate(it));
    }
  };
  /** Keeps a certificate as it was issued at some time, good for so many days from now. */
  const issued = async (host: string, days: number) => {
    const { cert, key } = await makeCertificate({
      ...{ name: host, hosts: [host], issuer: authority, nowMs: clock.now(), days },
    });
    const labels = { "varve.dev/certificate": "true" };
    const annotations = { "varve.dev/acme-host": host };
    const metadata = { name: `acme-${host}`, namespace: "default", labels, annotations };
    const data = { "tls.crt": cert, "tls.key": key };
    const type = "kubernetes.io/tls";
    await client.create<Secret>({ ...HEAD, metadata, type, stringData: data });
  };
  const secrets = () => cache.lister(SECRET).list("default");
  return { pass, hosts, failed, issued, secrets, stack };
}

test("a host that nobody has any more is not asked for again, and is forgotten", async () => {
  const { pass, hosts, failed, stack } = await begin();
  await using _all = stack;
  const route = { namespace: "default", name: "shop" };
  await hosts.cover([HOST], { route, isPublic: true });
  await failed(1);
  await pass(70);
  await failed(2);
  await hosts.cover([], { route, isPublic: true });
  await pass(140);
  await failed(undefined);
});

test("who asks how a host stands before its Route is there changes nothing about it", async () => {
  const before = { [HOST]: { failures: 3, notBeforeMs: 0, why: "refused" } };
  const { pass, hosts, failed, stack } = await begin(before);
  await using _all = stack;
  const options = { route: { namespace: "default", name: "shop" }, isPublic: true };
  assert.equal(hosts.stateOf(HOST, options).is, "failed");
  await pass(70);
  await failed(3);
  await hosts.cover([HOST], options);
  await failed(4);
});

test("a host that moves to another Route is asked for on behalf of that", async () => {
  const { pass, hosts, failed, stack } = await begin();
  await using _all = stack;
  const [before, after] = ["one", "two"].map((namespace) => ({ namespace, name: "shop" }));
  assert(before !== undefined && after !== undefined);
  await hosts.cover([HOST], { route: before, isPublic: true });
  await failed(1);
  hosts.release(before);
  await hosts.cover([HOST], { route: after, isPublic: true });
  await pass(70);
  await failed(2);
});

test("a certificate stays until it has run out, and as long as somebody has its host", async () => {
  const { pass, hosts, issued, secrets, stack } = await begin();
  await using _all = stack;
  const names = () => secrets().map(({ metadata }) => metadata.name);
  await issued("had.example.com", HALF_AN_HOUR);
  await issued("late.example.com", 1);
  await issued("spent.example.com", HALF_AN_HOUR);
  const route = { namespace: "default", name: "shop" };
  await hosts.cover(["had.example.com"], { route, isPublic: true });
  await pass(3600);
  await until("one is gone", () => names().length < 3);
  assert.deepEqual(names(), ["acme-had.example.com", "acme-late.example.com"]);
  hosts.release(route);
  await pass(3600);
  await until("another is gone", () => names().length < 2);
  assert.deepEqual(names(), ["acme-late.example.com"]);
});
