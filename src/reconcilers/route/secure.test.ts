import assert from "node:assert/strict";
import { test } from "node:test";
import { countingChance } from "../../../test/world/desk.ts";
import { ModelTls } from "../../../test/world/model_tls.ts";
import { serviceOf, told } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { DOMAIN_MAPPING, type DomainMapping } from "../../api/domain_mapping.ts";
import { ROUTE } from "../../api/route.ts";
import { SERVICE } from "../../api/service.ts";
import { TRAFFIC_POLICY, type TrafficPolicy } from "../../api/traffic_policy.ts";

const OWN = "shop.default.localhost";

test("a domain without a certificate fails itself, not the Service or the others", async () => {
  const tls = new ModelTls();
  await using world = await World.make(countingChance(), { tls });
  await world.client.create(serviceOf("shop"));
  for (const name of ["bad.example.com", "good.example.com"]) await map(world, name);
  const refused = { is: "failed", message: "refused" } as const;
  tls.set("bad.example.com", refused, "shop");
  await world.settle();
  const mapped = (name: string) => {
    const mapping = world.get(DOMAIN_MAPPING, name);
    return [mapping.status?.url, told(mapping)["Ready"]];
  };
  assert.deepEqual(mapped("bad.example.com"), [
    "https://bad.example.com:8443",
    "False CertificateProvisionFailed: refused",
  ]);
  assert.deepEqual(mapped("good.example.com"), ["https://good.example.com:8443", "True"]);
  assert.equal(told(world.get(SERVICE, "shop"))["Ready"], "True");
  assert.deepEqual(tls.covered.get("default/shop"), [OWN, "bad.example.com", "good.example.com"]);

  tls.set("bad.example.com", { is: "given" }, "shop");
  await world.settle();
  assert.equal(mapped("bad.example.com")[1], "True");
  await world.client.delete(world.get(SERVICE, "shop"));
  await world.settle();
  assert.equal(tls.covered.has("default/shop"), false);
});

test("hosts of a policy have certificates, and are for HTTPS alone like the others", async () => {
  const tls = new ModelTls();
  await using world = await World.make(countingChance(), { tls });
  await world.client.create(serviceOf("shop"));
  const hosts = ["shop.example.com", "*.shop.example.com", "taken.localhost"];
  const { apiVersion, kind } = TRAFFIC_POLICY;
  const metadata = { name: "shop", namespace: "default" };
  await world.client.create<TrafficPolicy>({ apiVersion, kind, metadata, spec: { hosts } });
  tls.set("shop.example.com", { is: "failed", message: "refused" }, "shop");
  await world.settle();
  const covered = [OWN, "shop.example.com", "*.shop.example.com"];
  assert.deepEqual(tls.covered.get("default/shop"), covered);
  const spec = world.gateway.routes.get("default/shop");
  const secure = spec?.hosts.filter(({ https }) => https !== undefined);
  assert.deepEqual(
    secure?.map(({ host, https }) => [host, https]),
    covered.map((host) => [host, { redirectPort: 8443, hstsSeconds: 60 }]),
  );
  assert.equal(told(world.get(ROUTE, "shop"))["Ready"], "True");
});

test("a domain of a Service that is local to the cluster is secured, its name is not", async () => {
  const tls = new ModelTls();
  await using world = await World.make(countingChance(), { tls });
  const labels = { "networking.knative.dev/visibility": "cluster-local" };
  await world.client.create(serviceOf("shop", { metadata: { labels } }));
  await map(world, "good.example.com");
  await world.settle();
  const urls = [world.get(ROUTE, "shop"), world.get(DOMAIN_MAPPING, "good.example.com")];
  assert.deepEqual(
    urls.map((it) => [it.status?.url, told(it)["Ready"]]),
    [
      ["http://shop.default.svc.cluster.local:8080", "True"],
      ["https://good.example.com:8443", "True"],
    ],
  );
  const spec = world.gateway.routes.get("default/shop");
  const secure = spec?.hosts.filter(({ https }) => https !== undefined).map(({ host }) => host);
  assert.deepEqual(secure, ["good.example.com"]);
});

async function map(world: World, name: string): Promise<void> {
  const { apiVersion, kind } = DOMAIN_MAPPING;
  const ref = { apiVersion: "serving.knative.dev/v1", kind: "Service", name: "shop" };
  const metadata = { namespace: "default", name };
  await world.client.create<DomainMapping>({ apiVersion, kind, metadata, spec: { ref } });
}
