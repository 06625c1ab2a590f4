import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceOf, told } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { DOMAIN_MAPPING, type DomainMapping } from "../../api/domain_mapping.ts";
import type { Draft } from "../../api/meta.ts";
import { NAMESPACE, type Namespace } from "../../api/namespace.ts";
import { SERVICE } from "../../api/service.ts";

const DOMAIN = "shop.example.com";

test("a domain of one's own is served as the Service is, until the mapping goes", async () => {
  await using world = await World.make();
  await world.client.create(mappingOf("default", "shop"));
  await world.settle();
  assert.match(
    told(world.get(DOMAIN_MAPPING, DOMAIN))["Ready"] ?? "",
    /^False ResolveFailed: failed to get object: services.serving.knative.dev "shop" not found/,
  );
  await world.client.create(serviceOf("shop"));
  await world.settle();
  const mapping = world.get(DOMAIN_MAPPING, DOMAIN);
  assert.equal(told(mapping)["Ready"], "True");
  assert.equal(mapping.status?.url, `http://${DOMAIN}:8080`);
  assert.deepEqual(world.gateway.splitOf(DOMAIN), { "default/shop-00001": 100 });

  await world.client.delete(mapping);
  await world.settle();
  assert.deepEqual(world.gateway.splitOf(DOMAIN), {});
  assert.equal(told(world.get(SERVICE, "shop"))["Ready"], "True");
});

test("§4.7: a domain has one holder: the second is told, and gets it when it is free", async () => {
  await using world = await World.make();
  await other(world);
  await world.client.create(serviceOf("shop"));
  await world.client.create(mappingOf("default", "shop"));
  await world.settle();
  await world.client.create(serviceIn("other"));
  const second = await world.client.create(mappingOf("other", "shop"));
  await world.settle();
  const key = { namespace: "other", name: DOMAIN };
  const { DomainClaimed = "" } = told(await world.client.get(DOMAIN_MAPPING, key));
  assert.match(DomainClaimed, /^False DomainAlreadyClaimed: .*in use by namespace "default"/);
  assert.deepEqual(world.gateway.splitOf(DOMAIN), { "default/shop-00001": 100 });

  await world.client.delete(world.get(DOMAIN_MAPPING, DOMAIN));
  await world.settle();
  assert.equal(told(await world.client.get(DOMAIN_MAPPING, key))["Ready"], "True");
  assert.deepEqual(world.gateway.splitOf(DOMAIN), { "other/shop-00001": 100 });
  assert.equal(second.metadata.name, DOMAIN);
});

test("the name of a Service that may come is nobody's own", async () => {
  await using world = await World.make();
  await world.client.create(serviceOf("shop"));
  await world.client.create(mappingOf("default", "shop", "hello.default.localhost"));
  await world.settle();
  const { Ready = "" } = told(world.get(DOMAIN_MAPPING, "hello.default.localhost"));
  assert.match(Ready, /^False DomainReserved: /);
});

test("a mapping that is set to another Service moves the domain there", async () => {
  await using world = await World.make();
  for (const name of ["shop", "store"]) await world.client.create(serviceOf(name));
  const made = await world.client.create(mappingOf("default", "shop"));
  await world.settle();
  const now = await world.client.get(DOMAIN_MAPPING, { namespace: "default", name: DOMAIN });
  await world.client.put<DomainMapping>({ ...now, spec: specFor("store") });
  await world.settle();
  assert.deepEqual(world.gateway.splitOf(DOMAIN), { "default/store-00001": 100 });
  assert.equal(told(world.get(DOMAIN_MAPPING, made.metadata.name))["Ready"], "True");
});

function mappingOf(namespace: string, service: string, name = DOMAIN): Draft<DomainMapping> {
  const { apiVersion, kind } = DOMAIN_MAPPING;
  return { apiVersion, kind, metadata: { namespace, name }, spec: specFor(service) };
}

function specFor(name: string): DomainMapping["spec"] {
  return { ref: { apiVersion: "serving.knative.dev/v1", kind: "Service", name } };
}

function serviceIn(namespace: string) {
  const service = serviceOf("shop");
  return { ...service, metadata: { ...service.metadata, namespace } };
}

async function other({ client }: World): Promise<void> {
  const { apiVersion, kind } = NAMESPACE;
  await client.create<Namespace>({ apiVersion, kind, metadata: { name: "other" } });
}
