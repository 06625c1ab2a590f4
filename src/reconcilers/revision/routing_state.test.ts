import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf, routeOf } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { NOW } from "../../../test/world/world_clock.ts";
import { CONFIGURATION } from "../../api/configuration.ts";
import { REVISION } from "../../api/revision.ts";
import { ROUTE } from "../../api/route.ts";

const HANGS = { phase: "starting", message: "nothing listens yet" } as const;

test("§4.2: pending while it is new, active while it is routed, reserve after that", async () => {
  await using world = await World.make();
  await world.client.create(configurationOf("hello"));
  await world.settle();
  assert.deepEqual(stateOf(world, "hello-00001"), ["pending", NOW, undefined]);

  world.pass(60);
  await world.client.create(routeOf("hello"));
  await world.settle();
  assert.deepEqual(stateOf(world, "hello-00001"), ["active", "2026-01-01T00:01:00Z", "hello"]);

  world.pass(60);
  const image = "example.com/hello:2";
  await world.apply(CONFIGURATION, configurationOf("hello", { image }));
  await world.settle();
  assert.deepEqual(stateOf(world, "hello-00001"), ["reserve", "2026-01-01T00:02:00Z", undefined]);
  assert.deepEqual(stateOf(world, "hello-00002"), ["active", "2026-01-01T00:02:00Z", "hello"]);
});

test("§4.2: its time changes with the state and with nothing else", async () => {
  await using world = await World.make();
  await world.client.create(configurationOf("hello"));
  await world.client.create(routeOf("hello"));
  await world.settle();
  world.pass(60);
  const traffic = [{ configurationName: "hello", percent: 100 }];
  await world.client.create(routeOf("also", { traffic }));
  await world.settle();
  assert.deepEqual(stateOf(world, "hello-00001"), ["active", NOW, "also,hello"]);
  await world.client.delete(world.get(ROUTE, "hello"));
  await world.settle();
  assert.deepEqual(stateOf(world, "hello-00001"), ["active", NOW, "also"]);
});

test("§4.2: one that is not ready yet is not routed, though its Configuration is", async () => {
  await using world = await World.make();
  await world.client.create(configurationOf("hello"));
  await world.client.create(routeOf("hello"));
  await world.settle();
  world.runtime.behave("default/hello-00002", HANGS);
  const image = "example.com/hello:2";
  await world.apply(CONFIGURATION, configurationOf("hello", { image }));
  await world.settle();
  assert.deepEqual(stateOf(world, "hello-00001")[0], "active");
  assert.deepEqual(stateOf(world, "hello-00002")[0], "pending");
});

function stateOf(world: World, name: string): readonly (string | undefined)[] {
  const { labels = {}, annotations = {} } = world.get(REVISION, name).metadata;
  return [
    labels["serving.knative.dev/routingState"],
    annotations["serving.knative.dev/routingStateModified"],
    annotations["serving.knative.dev/routes"],
  ];
}
