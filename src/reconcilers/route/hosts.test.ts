import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceOf, told } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { ROUTE } from "../../api/route.ts";
import { SERVICE } from "../../api/service.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import { insideUrlOf, urlOf } from "./desired.ts";

const TAGGED: readonly TrafficTarget[] = [
  { latestRevision: true, percent: 100 },
  { latestRevision: true, percent: 0, tag: "b" },
];

test("§4.7: a Route has a host outside and three inside, and each tag has as many", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("a", { traffic: TAGGED }));
  await world.settle();
  assert.deepEqual(hosts(world), [
    ...["a.default.localhost", "a.default.svc.cluster.local", "a.default.svc", "a.default"],
    ...["b-a.default.localhost", "b-a.default.svc.cluster.local", "b-a.default.svc", "b-a.default"],
  ]);
  const { status } = world.get(SERVICE, "a");
  assert.deepEqual(
    status?.traffic?.map(({ url }) => url),
    [undefined, "http://b-a.default.localhost:8080"],
  );
});

test("§4.7: an address says the port only where it is not the usual of its scheme", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("a"));
  await world.settle();
  const route = world.get(ROUTE, "a");
  const urls = ([scheme, port]: readonly ["http" | "https", number]) => [
    urlOf(route, { domain: "example.com", scheme, port }, "b"),
    insideUrlOf(route, { domain: "example.com", scheme, port }),
  ];
  const cases = [["http", 80] as const, ["https", 443] as const, ["https", 8443] as const];
  assert.deepEqual(cases.map(urls), [
    ["http://b-a.default.example.com", "http://a.default.svc.cluster.local"],
    ["https://b-a.default.example.com", "http://a.default.svc.cluster.local:443"],
    ["https://b-a.default.example.com:8443", "http://a.default.svc.cluster.local:8443"],
  ]);
});

test("§4.7: what is local to the cluster has no host outside, nor have its tags", async () => {
  await using world = await World.make();
  const labels = { "networking.knative.dev/visibility": "cluster-local" };
  await world.apply(SERVICE, serviceOf("a", { metadata: { labels }, traffic: TAGGED }));
  await world.settle();
  assert.deepEqual(hosts(world), [
    ...["a.default.svc.cluster.local", "a.default.svc", "a.default"],
    ...["b-a.default.svc.cluster.local", "b-a.default.svc", "b-a.default"],
  ]);
  const { status } = world.get(SERVICE, "a");
  assert.equal(status?.url, "http://a.default.svc.cluster.local:8080");
  assert.equal(status?.traffic?.[1]?.url, "http://b-a.default.svc.cluster.local:8080");
});

test("two Services cannot share a host: the second is told, and gets it when free", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("b-a"));
  await world.settle();
  await world.apply(SERVICE, serviceOf("a", { traffic: TAGGED }));
  await world.settle();
  const way = "choose another tag or another name for one of the two";
  const taken = `False HostTaken: The host "b-a.default" belongs to Route "default/b-a": ${way}`;
  assert.equal(told(world.get(ROUTE, "a"))["IngressReady"], taken);
  assert.equal(told(world.get(SERVICE, "a"))["Ready"], taken);
  assert.equal(told(world.get(SERVICE, "b-a"))["Ready"], "True");
  assert.deepEqual(ownerOf(world), { "default/b-a-00001": 100 });

  await world.client.delete(world.get(SERVICE, "b-a"));
  await world.settle();
  assert.equal(told(world.get(SERVICE, "a"))["Ready"], "True");
  assert.deepEqual(ownerOf(world), { "default/a-00001": 100 });
});

test("who has a host keeps it over a restart, though a rival is looked at first", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("b-a"));
  await world.settle();
  await world.apply(SERVICE, serviceOf("a", { traffic: TAGGED }));
  await world.settle();
  await using again = await world.again({ isGatewayNew: true });
  await again.settle();
  again.pass(60);
  await again.settle();
  assert.deepEqual(ownerOf(again), { "default/b-a-00001": 100 });
  assert.equal(told(again.get(SERVICE, "b-a"))["Ready"], "True");
  assert.match(told(again.get(SERVICE, "a"))["Ready"] ?? "", /^False HostTaken/);
});

test("a tag another Service has taken leaves the rest of the traffic where it was", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("b-a"));
  await world.apply(SERVICE, serviceOf("a"));
  await world.settle();
  await world.apply(SERVICE, serviceOf("a", { traffic: TAGGED }));
  await world.settle();
  assert.deepEqual(world.gateway.splitOf("a.default.localhost"), { "default/a-00001": 100 });
  assert.equal(world.get(SERVICE, "a").status?.traffic?.length, 1);
  await world.apply(SERVICE, serviceOf("a", { traffic: TAGGED.slice(0, 1) }));
  await world.settle();
  assert.equal(told(world.get(SERVICE, "a"))["Ready"], "True");
});

test("a deleted Route is gone from the gateway before it is gone", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("a"));
  await world.settle();
  world.gateway.isDown = true;
  await world.client.delete(world.get(ROUTE, "a"));
  await world.settle();
  assert.notEqual(world.get(ROUTE, "a").metadata.deletionTimestamp, undefined);
  world.gateway.isDown = false;
  world.pass(1);
  await world.settle();
  // Its Service has made another by then.
  assert.equal(told(world.get(SERVICE, "a"))["Ready"], "True");
});

function hosts(world: World): readonly string[] {
  return [...world.gateway.routes.values()].flatMap((it) => it.hosts.map(({ host }) => host));
}

function ownerOf(world: World) {
  return world.gateway.splitOf("b-a.default.localhost");
}
