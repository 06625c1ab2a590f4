import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceOf, told } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { DOMAIN_MAPPING, type DomainMapping } from "../../api/domain_mapping.ts";
import { REVISION } from "../../api/revision.ts";
import { ROUTE } from "../../api/route.ts";
import { SERVICE } from "../../api/service.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import { TRAFFIC_POLICY } from "../../api/traffic_policy.ts";
import type { TrafficPolicySpec } from "../../api/traffic_policy_schema.ts";

const HALVES: readonly TrafficTarget[] = [
  { revisionName: "a-00001", percent: 50, tag: "old" },
  { revisionName: "a-00002", percent: 50 },
];

test("a policy has the name of its Route, and is Ready when the gateway serves by it", async () => {
  await using world = await World.make();
  await put(world, "a", { rules: [{ name: "old", match: { path: "/old" }, to: { tag: "old" } }] });
  assert.equal(ready(world, "a")?.split(":")[0], "Unknown RouteMissing");
  await twoRevisions(world);
  assert.equal(ready(world, "a"), "True");
  assert.deepEqual(specOf(world, "a")?.steering, {
    tags: { old: "default/a-00001" },
    rules: [
      {
        name: "old",
        match: { path: "/old" },
        split: [{ backend: "default/a-00001", percent: 100 }],
      },
    ],
  });
  await world.client.delete(world.get(TRAFFIC_POLICY, "a"));
  await world.settle();
  assert.deepEqual(specOf(world, "a")?.steering, { tags: { old: "default/a-00001" } });
});

test("what requests must pass holds on every host, also when a rule of it cannot be", async () => {
  await using world = await World.make();
  await twoRevisions(world);
  const ip = { allow: ["10.0.0.0/8"] };
  const rules = [
    { name: "gone", match: { path: "/x" }, to: { tag: "none" } },
    { name: "next", match: { path: "/y" }, to: { revision: "a-00009" } },
  ];
  await put(world, "a", { ip, rules });
  assert.equal(
    ready(world, "a"),
    'False TargetMissing: Rule "gone": the traffic of Route "a" has no tag "none", ' +
      "so its requests go by the other rules",
  );
  const spec = specOf(world, "a");
  assert.deepEqual([spec?.guards, spec?.steering?.rules], [{ ip }, undefined]);
  assert.equal(told(world.get(ROUTE, "a"))["Ready"], "True");
});

test("keys are sticky at the ratio; a step moves as few as must, also over a restart", async () => {
  await using world = await World.make();
  const annotations = { "varve.dev/sticky": "cookie:sid" };
  await twoRevisions(world, { metadata: { annotations } });
  const steps = [
    [100, 0],
    [90, 10],
    [50, 50],
    [80, 20],
  ] as const;
  for (const [old, fresh] of steps) {
    const traffic = [
      { revisionName: "a-00001", percent: old },
      { revisionName: "a-00002", percent: fresh },
    ];
    await world.apply(
      SERVICE,
      serviceOf("a", { image: "e.com/a:2", metadata: { annotations }, traffic }),
    );
    await world.settle();
  }
  const intervals = "a-00001:0-500,a-00002:900-1000,a-00002:500-600,a-00001:600-900";
  const noted = world.get(ROUTE, "a").status?.annotations?.["varve.dev/sticky-intervals"];
  assert.equal(noted, intervals);
  await using again = await world.again({ isGatewayNew: true });
  await again.settle();
  assert.deepEqual(specOf(again, "a")?.steering?.sticky, {
    by: "cookie",
    name: "sid",
    isIssued: false,
    intervals: [
      { backend: "default/a-00001", from: 0, length: 500 },
      { backend: "default/a-00002", from: 900, length: 100 },
      { backend: "default/a-00002", from: 500, length: 100 },
      { backend: "default/a-00001", from: 600, length: 300 },
    ],
  });
});

test("one host serves several Routes by path, and follows their traffic", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("web"));
  await world.apply(SERVICE, serviceOf("api"));
  await world.settle();
  const rules = [{ name: "api", match: { pathPrefix: "/api" }, to: { route: "api" } }];
  await put(world, "web", { hosts: ["shop.example.com", "*.shop.example.com"], rules });
  assert.deepEqual(world.gateway.splitOf("*.shop.example.com"), { "default/web-00001": 100 });
  const split = () => specOf(world, "web")?.steering?.rules?.[0]?.split;
  assert.deepEqual(split(), [{ backend: "default/api-00001", percent: 100 }]);
  await world.apply(SERVICE, serviceOf("api", { image: "example.com/api:2" }));
  await world.settle();
  assert.deepEqual(split(), [{ backend: "default/api-00002", percent: 100 }]);
  const labels = world.get(REVISION, "api-00002").metadata.annotations ?? {};
  assert.match(labels["serving.knative.dev/routes"] ?? "", /web/);
});

test("of two policies that want one host the older has it; Varve's names are its own", async () => {
  await using world = await World.make();
  for (const name of ["a", "b"]) await world.apply(SERVICE, serviceOf(name));
  await world.settle();
  await put(world, "a", { hosts: ["shop.example.com"] });
  world.pass(1);
  await put(world, "b", { hosts: ["shop.example.com", "a.default.localhost"] });
  assert.equal(
    ready(world, "b"),
    'False HostTaken: Host "shop.example.com" belongs to TrafficPolicy "default/a"',
  );
  assert.equal(told(world.get(ROUTE, "b"))["Ready"], "True");
  await world.client.delete(world.get(TRAFFIC_POLICY, "a"));
  await world.settle();
  assert.deepEqual(world.gateway.splitOf("shop.example.com"), { "default/b-00001": 100 });
  assert.match(ready(world, "b") ?? "", /^False HostReserved: Host "a.default.localhost"/);
});

test("a host that a policy lets go, or a mapping takes, is at once another's", async () => {
  await using world = await World.make();
  for (const name of ["a", "b"]) await world.apply(SERVICE, serviceOf(name));
  await world.settle();
  const host = "shop.example.com";
  await put(world, "a", { hosts: [host] });
  world.pass(1);
  await put(world, "b", { hosts: [host] });
  await put(world, "a", {});
  assert.deepEqual(world.gateway.splitOf(host), { "default/b-00001": 100 });
  assert.equal(ready(world, "b"), "True");
  await put(world, "a", { hosts: [host] });
  assert.deepEqual(world.gateway.splitOf(host), { "default/a-00001": 100 });
  assert.match(ready(world, "b") ?? "", /^False HostTaken/);
  const mapping = await mapTo(world, host, "b");
  assert.deepEqual(world.gateway.splitOf(host), { "default/b-00001": 100 });
  assert.match(ready(world, "a") ?? "", /^False HostTaken: .* belongs to DomainMapping/);
  assert.equal(told(world.get(ROUTE, "b"))["Ready"], "True");
  await world.client.delete(mapping);
  await world.settle();
  assert.deepEqual(world.gateway.splitOf(host), { "default/a-00001": 100 });
});

test("an annotation that cannot be is refused with the value and the way out", async () => {
  await using world = await World.make();
  for (const [key, value] of [
    ["sticky", "ip"],
    ["sticky", "header:a b"],
    ["mirror", "a-00002"],
    ["mirror", "a-00002=0"],
    ["allow-revision-header", "yes"],
  ]) {
    const annotations = { [`varve.dev/${key}`]: value ?? "" };
    await assert.rejects(
      world.apply(SERVICE, serviceOf("a", { metadata: { annotations } })),
      (thrown: Error) => thrown.message.includes(`metadata.annotations[varve.dev/${key}]`),
    );
  }
});

async function twoRevisions(world: World, wish: object = {}): Promise<void> {
  await world.apply(SERVICE, serviceOf("a", wish));
  await world.settle();
  await world.apply(SERVICE, serviceOf("a", { ...wish, image: "e.com/a:2", traffic: HALVES }));
  await world.settle();
}

async function put(world: World, name: string, spec: TrafficPolicySpec): Promise<void> {
  const { apiVersion, kind } = TRAFFIC_POLICY;
  await world.apply(TRAFFIC_POLICY, {
    ...{ apiVersion, kind, spec },
    metadata: { name, namespace: "default" },
  });
  await world.settle();
}

async function mapTo(world: World, name: string, service: string): Promise<DomainMapping> {
  const ref = { apiVersion: "serving.knative.dev/v1", kind: "Service", name: service };
  const { apiVersion, kind } = DOMAIN_MAPPING;
  const metadata = { name, namespace: "default" };
  await world.apply(DOMAIN_MAPPING, { apiVersion, kind, metadata, spec: { ref } });
  await world.settle();
  return world.get(DOMAIN_MAPPING, name);
}

function ready(world: World, name: string): string | undefined {
  return told(world.get(TRAFFIC_POLICY, name))["Ready"];
}

function specOf(world: World, name: string) {
  return world.gateway.routes.get(`default/${name}`);
}
