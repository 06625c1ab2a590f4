import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceOf, told } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { ROUTE } from "../../api/route.ts";
import { SERVICE, type Service } from "../../api/service.ts";

const HOST = "hello.default.localhost";
const KEY = { namespace: "default", name: "hello" };
const SLOWLY = { "serving.knative.dev/rollout-duration": "5s" };

test("§4.9: the latest gets one percent, the rest by steps, and Ready does not wait", async () => {
  await using world = await serving();
  await deploy(world, "2");
  assert.deepEqual(split(world), { "hello-00001": 99, "hello-00002": 1 });
  const { Ready, RolloutInProgress = "" } = told(world.get(ROUTE, "hello"));
  assert.equal(Ready, "True");
  assert.match(RolloutInProgress, /"hello-00002" has 1 of 100 %, next at 2026-01-01T00:00:01/);
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True");
  const seen = [];
  for (let second = 0; second < 4; second += 1) {
    await pass(world, 1);
    seen.push(split(world));
  }
  assert.deepEqual(seen, [
    { "hello-00001": 74, "hello-00002": 26 },
    { "hello-00001": 49, "hello-00002": 51 },
    { "hello-00001": 24, "hello-00002": 76 },
    { "hello-00002": 100 },
  ]);
  assert.equal(world.get(ROUTE, "hello").status?.rollouts, undefined);
});

test("§4.9: a still newer one begins anew, and what is before it drains newest first", async () => {
  await using world = await serving();
  await deploy(world, "2");
  await pass(world, 1);
  await deploy(world, "3");
  assert.deepEqual(split(world), { "hello-00001": 74, "hello-00002": 25, "hello-00003": 1 });
  await pass(world, 1);
  assert.deepEqual(split(world), { "hello-00001": 74, "hello-00003": 26 });
});

test("§4.9: a rollout goes on after a restart, with all the steps that are due", async () => {
  await using world = await serving();
  await deploy(world, "2");
  await using after = await world.again();
  await pass(after, 2);
  assert.deepEqual(split(after), { "hello-00001": 49, "hello-00002": 51 });
});

test("§4.9: a share's gain goes to the newest, its loss comes off the oldest", async () => {
  await using world = await serving();
  await deploy(world, "2");
  await pass(world, 1);
  const traffic = (percent: number) => [
    { latestRevision: true, percent },
    { revisionName: "hello-00001", latestRevision: false, percent: 100 - percent },
  ];
  await change(world, (spec) => ({ ...spec, traffic: traffic(50) }));
  assert.deepEqual(split(world), { "hello-00001": 74, "hello-00002": 26 });
  const { traffic: shown } = world.get(ROUTE, "hello").status ?? {};
  assert.deepEqual(
    shown?.map(({ revisionName, percent }) => [revisionName, percent]),
    [
      ["hello-00001", 24],
      ["hello-00002", 26],
      ["hello-00001", 50],
    ],
  );
});

test("§4.9: without the annotation all requests move at once", async () => {
  await using world = await serving({});
  await deploy(world, "2");
  assert.deepEqual(split(world), { "hello-00002": 100 });
});

async function serving(annotations: Record<string, string> = SLOWLY): Promise<World> {
  const world = await World.make();
  await world.client.create(serviceOf("hello", { metadata: { annotations } }));
  await world.settle();
  return world;
}

async function deploy(world: World, version: string): Promise<void> {
  const containers = [{ image: `example.com/hello:${version}` }];
  await change(world, (spec) => ({ ...spec, template: { spec: { containers } } }));
}

async function change(world: World, act: (spec: Service["spec"]) => Service["spec"]) {
  const service = await world.client.get(SERVICE, KEY);
  await world.client.put<Service>({ ...service, spec: act(service.spec) });
  await world.settle();
}

async function pass(world: World, seconds: number): Promise<void> {
  world.pass(seconds);
  await world.settle();
}

function split(world: World): Record<string, number> {
  const shares = Object.entries(world.gateway.splitOf(HOST) ?? {});
  return Object.fromEntries(shares.map(([id, percent]) => [id.replace("default/", ""), percent]));
}
