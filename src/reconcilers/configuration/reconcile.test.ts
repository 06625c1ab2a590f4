import assert from "node:assert/strict";
import { test } from "node:test";
import { exited } from "../../../test/world/model_runtime.ts";
import { configurationOf, routeOf, since, told, type Wish } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { NOW } from "../../../test/world/world_clock.ts";
import { failed, ok } from "../../api/condition.ts";
import { CONFIGURATION } from "../../api/configuration.ts";
import { NAMESPACE } from "../../api/namespace.ts";
import { REVISION, type Revision } from "../../api/revision.ts";

const HANGS = { phase: "starting", message: "nothing listens yet" } as const;
const FAILS = { phase: "waiting", lastExit: exited(3, "no database") } as const;

test("L8, L10: a Configuration makes a Revision of its template, with its labels", async () => {
  await using world = await World.make();
  const labels = { team: "green" };
  const annotations = { "example.com/note": "one" };
  const wish = { template: { labels, annotations } };
  const { metadata } = await world.apply(CONFIGURATION, configurationOf("hello", wish));
  await world.settle();
  const revision = world.get(REVISION, "hello-00001");
  const { resourceVersion: _, uid: __, managedFields: ___, ...made } = revision.metadata;
  assert.deepEqual(made, {
    ...{ namespace: "default", name: "hello-00001", generation: 1, creationTimestamp: NOW },
    labels: {
      ...labels,
      "serving.knative.dev/configuration": "hello",
      "serving.knative.dev/configurationGeneration": "1",
      "serving.knative.dev/configurationUID": metadata.uid,
      "serving.knative.dev/routingState": "pending",
    },
    annotations: {
      ...annotations,
      "serving.knative.dev/creator": "owner",
      "serving.knative.dev/routingStateModified": NOW,
    },
    ownerReferences: [
      {
        ...{ apiVersion: "serving.knative.dev/v1", kind: "Configuration", name: "hello" },
        ...{ uid: metadata.uid, controller: true, blockOwnerDeletion: true },
      },
    ],
    finalizers: ["varve.dev/revision"],
  });
  const { spec } = world.get(CONFIGURATION, "hello");
  assert.deepEqual(world.get(REVISION, "hello-00001").spec, spec.template?.spec);
});

test("L9: what the Configuration itself is labelled and annotated with is not copied", async () => {
  await using world = await World.make();
  const metadata = { labels: { mine: "1" }, annotations: { "example.com/mine": "1" } };
  await world.apply(CONFIGURATION, configurationOf("hello", { metadata }));
  await world.settle();
  const { labels = {}, annotations = {} } = world.get(REVISION, "hello-00001").metadata;
  assert.deepEqual([labels["mine"], annotations["example.com/mine"]], [undefined, undefined]);
});

test("§4.1: another label or annotation of the Configuration makes no Revision", async () => {
  await using world = await World.make();
  await say(world);
  await say(world, { metadata: { labels: { a: "b" }, annotations: { "example.com/a": "b" } } });
  assert.equal(world.get(CONFIGURATION, "hello").metadata.generation, 1);
  assert.deepEqual(names(world), ["hello-00001"]);
});

test("§10.4: each change of the template counts the generation up by one, labels too", async () => {
  await using world = await World.make();
  await say(world);
  await say(world, { image: "example.com/hello:2" });
  await say(world, { image: "example.com/hello:2", template: { labels: { a: "b" } } });
  const template = { labels: { a: "b" }, annotations: { "example.com/a": "b" } };
  await say(world, { image: "example.com/hello:2", template });
  await say(world, { image: "example.com/hello:2", template });
  assert.deepEqual(names(world), ["hello-00001", "hello-00002", "hello-00003", "hello-00004"]);
});

test("L11, §4.6: it tells the latest made and ready, and is ready when they are one", async () => {
  await using world = await World.make();
  world.runtime.behave("default/hello-00001", HANGS);
  await say(world);
  assert.deepEqual(latest(world), ["hello-00001", undefined]);
  assert.equal(ready(world), "Unknown Deploying: nothing listens yet");
  world.runtime.behave("default/hello-00001", { phase: "ready" });
  await world.settle();
  assert.deepEqual(world.get(CONFIGURATION, "hello").status, {
    observedGeneration: 1,
    conditions: since(ok("Ready")),
    latestCreatedRevisionName: "hello-00001",
    latestReadyRevisionName: "hello-00001",
  });
});

test("§4.6: of those become ready meanwhile the newest counts, not the last made", async () => {
  await using world = await World.make();
  await say(world);
  await world.apply(CONFIGURATION, configurationOf("hello", { image: "example.com/hello:2" }));
  // The second is ready before anybody looks at the Configuration, which asks for a third by then.
  while (told(world.find(REVISION, "hello-00002") ?? NOTHING)["Ready"] !== "True") {
    await world.step();
  }
  world.runtime.behave("default/hello-00003", FAILS);
  await say(world, { image: "example.com/hello:3" });
  assert.deepEqual(latest(world), ["hello-00003", "hello-00002"]);
  assert.equal(ready(world), "False ExitCode3: Container failed with: no database");
});

test("§4.6: the latest ready never goes back, not even when it crashes", async () => {
  await using world = await World.make();
  await world.client.create(routeOf("hello"));
  await say(world);
  await say(world, { image: "example.com/hello:2" });
  world.runtime.behave("default/hello-00003", HANGS);
  world.runtime.behave("default/hello-00002", FAILS);
  await say(world, { image: "example.com/hello:3" });
  assert.equal(told(world.get(REVISION, "hello-00001"))["Ready"], "True");
  assert.deepEqual(latest(world), ["hello-00003", "hello-00002"]);
});

test("O-6: it says of itself what its failed latest Revision says", async () => {
  await using world = await World.make();
  await say(world);
  world.runtime.behave("default/hello-00002", FAILS);
  await say(world, { image: "example.com/hello:2" });
  const crashed = failed("ExitCode3", "Container failed with: no database");
  assert.deepEqual(world.get(CONFIGURATION, "hello").status, {
    observedGeneration: 2,
    conditions: since(crashed),
    latestCreatedRevisionName: "hello-00002",
    latestReadyRevisionName: "hello-00001",
  });
});

test("ERR-5, O-3: a latest Revision that was deleted is missed, and not made again", async () => {
  await using world = await World.make();
  await world.client.create(routeOf("hello"));
  await say(world);
  await world.client.delete(world.get(REVISION, "hello-00001"));
  await world.settle();
  const deleted = failed("RevisionMissing", "The latest Revision appears to have been deleted.");
  assert.deepEqual(world.get(CONFIGURATION, "hello").status, {
    observedGeneration: 1,
    conditions: since(deleted),
    latestCreatedRevisionName: "hello-00001",
  });
  assert.deepEqual([names(world), world.runtime.list()], [[], []]);
  await say(world, { image: "example.com/hello:2" });
  assert.deepEqual([ready(world), latest(world)], ["True", ["hello-00002", "hello-00002"]]);
});

test("ERR-5: the one that is ready stays so when a newer that never was is deleted", async () => {
  await using world = await World.make();
  await say(world);
  world.runtime.behave("default/hello-00002", FAILS);
  await say(world, { image: "example.com/hello:2" });
  await world.client.delete(world.get(REVISION, "hello-00002"));
  await world.settle();
  assert.deepEqual(latest(world), ["hello-00002", "hello-00001"]);
  assert.match(ready(world) ?? "", /^False RevisionMissing/);
});

test("a Revision that cannot be made is told of, with what the server said", async () => {
  await using world = await World.make();
  await say(world);
  const held = world.get(NAMESPACE, "default");
  const finalizers = [...(held.metadata.finalizers ?? []), "example.com/held"];
  const metadata = { ...held.metadata, finalizers, deletionTimestamp: NOW };
  const { store } = world.context;
  await store.put({ ...held, metadata }, { expected: "any" });
  await world.client.put({
    ...world.get(CONFIGURATION, "hello"),
    spec: configurationOf("hello", { image: "example.com/hello:2" }).spec,
  });
  await world.step("Configuration/default/hello");
  assert.match(
    ready(world) ?? "",
    /^False RevisionFailed: Revision creation failed with message: /,
  );
  assert.match(ready(world) ?? "", /"hello-00002" is forbidden: unable to create new content/);
});

const NOTHING = {} as Revision;

async function say(world: World, wish: Wish = {}): Promise<void> {
  await world.apply(CONFIGURATION, configurationOf("hello", wish));
  await world.settle();
}

function ready(world: World): string | undefined {
  return told(world.get(CONFIGURATION, "hello"))["Ready"];
}

function latest(world: World): readonly (string | undefined)[] {
  const { latestCreatedRevisionName: created, latestReadyRevisionName: last } =
    world.get(CONFIGURATION, "hello").status ?? {};
  return [created, last];
}

function names(world: World): readonly string[] {
  return world.list(REVISION).map(({ metadata }) => metadata.name);
}
