import assert from "node:assert/strict";
import { test } from "node:test";
import { NAMESPACE } from "../../src/api/namespace.ts";
import { POD } from "../../src/api/pod.ts";
import { REVISION } from "../../src/api/revision.ts";
import { SERVICE } from "../../src/api/service.ts";
import { exited } from "./model_runtime.ts";
import { configurationOf, routeOf, serviceOf } from "./serving.ts";
import { World } from "./world.ts";

const CRASHED = { phase: "waiting", lastExit: exited(1, "no") } as const;
const HANGS = { phase: "starting", message: "nothing listens yet" } as const;
const SOURCE = { annotations: { "varve.dev/source": "https://example.com/hello.git" } };

const two = { image: "example.com/hello:2" };
const split = [
  { revisionName: "hello-00001", tag: "old", percent: 80 },
  { latestRevision: true, tag: "new", percent: 20 },
];

for (const { title, story, keepsGateway = false } of [
  { title: "a Service that serves", story: say({}) },
  { title: "a Service in its second Revision", story: say({}, two) },
  { title: "traffic shared out with tags", story: say({}, { ...two, traffic: split }) },
  {
    title: "a name of one's own, rolled back to",
    story: say(named("one"), named("two"), named("one")),
  },
  { title: "an image that is missing", story: say({}, { image: "example.com/invalid:2" }) },
  {
    title: "a target that is not found",
    story: say({}, { traffic: [{ revisionName: "hello-x", percent: 100 }] }),
  },
  { title: "a build that waits", story: say({ image: "", template: SOURCE }) },
  {
    title: "a build that failed",
    async story(world: World) {
      await say({ image: "", template: SOURCE })(world);
      world.builder.report("default/hello-00001", { phase: "Failed", message: "no" });
    },
  },
  {
    title: "a Revision that crashes",
    async story(world: World) {
      world.runtime.behave("default/hello-00002", CRASHED);
      await say({}, two)(world);
    },
  },
  {
    title: "a Revision that was never ready in time",
    async story(world: World) {
      world.runtime.behave("default/hello-00002", HANGS);
      await say({}, two)(world);
      world.pass(601);
    },
  },
  {
    title: "a latest Revision that was deleted",
    // A gateway that never knew the Revision cannot go on refusing requests for it.
    keepsGateway: true,
    async story(world: World) {
      await say({}, two)(world);
      await world.client.delete(world.get(REVISION, "hello-00002"));
    },
  },
  {
    title: "a host that another has",
    async story(world: World) {
      await world.apply(SERVICE, serviceOf("new-hello"));
      await world.settle();
      await say({}, { ...two, traffic: split })(world);
    },
  },
  {
    title: "a Pod that was deleted",
    async story(world: World) {
      await say({})(world);
      for (const pod of world.list(POD)) await world.client.delete(pod);
    },
  },
  {
    title: "a Route and a Configuration without a Service",
    async story(world: World) {
      await world.client.create(routeOf("site"));
      await world.client.create(configurationOf("site"));
    },
  },
  {
    title: "an empty world",
    async story(world: World) {
      await say({})(world);
      await world.client.delete(world.get(NAMESPACE, "default"));
    },
  },
] as readonly Story[]) {
  test(`once ${title} has come to rest, new controllers find nothing to do`, async () => {
    await using world = await World.make();
    await story(world);
    await world.settle();
    const before = pictureOf(world);
    await using again = await world.again();
    await again.settle();
    assert.deepEqual(pictureOf(again), before);
    if (keepsGateway) return;
    await using renewed = await again.again({ isGatewayNew: true });
    await renewed.settle();
    renewed.pass(1);
    await renewed.settle();
    assert.deepEqual(pictureOf(renewed), before, "and a new gateway is told the same again");
  });
}

interface Story {
  readonly title: string;
  readonly story: (world: World) => Promise<void>;
  readonly keepsGateway?: boolean;
}

function say(...wishes: readonly Parameters<typeof serviceOf>[1][]) {
  return async (world: World) => {
    for (const wish of wishes) {
      await world.apply(SERVICE, serviceOf("hello", wish));
      await world.settle();
    }
  };
}

function named(name: string) {
  return { image: `example.com/hello:${name}`, template: { name: `hello-${name}` } };
}

function pictureOf({ revision, gateway, runtime, builder }: World) {
  return {
    revision,
    routes: new Map(gateway.routes),
    backends: new Map(gateway.backends),
    instances: runtime.list(),
    builds: builder.ids,
  };
}
