import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf, serviceOf, told, type Wish } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { CONFIGURATION } from "../../api/configuration.ts";
import { REVISION } from "../../api/revision.ts";
import { ROUTE } from "../../api/route.ts";
import { SERVICE } from "../../api/service.ts";

const MAIN = "hello.default.localhost";
const HANGS = { phase: "starting", message: "nothing listens yet" } as const;
const ONE = { image: "example.com/hello:1", template: { name: "hello-one" } };
const TWO = { image: "example.com/hello:2", template: { name: "hello-two" } };

test("§4.1: one's own name is that of the Revision, and another image needs another", async () => {
  await using world = await saying(ONE);
  assert.deepEqual(outcome(world), {
    Ready: "True",
    split: { "default/hello-one": 100 },
    latest: ["hello-one", "hello-one"],
  });
  const changed = { ...ONE, image: "example.com/hello:2" };
  await assert.rejects(world.apply(SERVICE, serviceOf("hello", changed)), {
    message: /Saw the following changes without a name change/,
  });
});

test("§4.1: returning to an old name of one's own is a rollback", async () => {
  await using world = await saying(ONE, TWO);
  assert.deepEqual(outcome(world).latest, ["hello-two", "hello-two"]);
  await say(world, ONE);
  assert.deepEqual(outcome(world), {
    Ready: "True",
    split: { "default/hello-one": 100 },
    latest: ["hello-one", "hello-one"],
  });
  assert.equal(world.list(REVISION).length, 2);
});

test("§4.1: what was rolled back from does not come back with the next deployment", async () => {
  await using world = await saying(ONE, TWO, ONE);
  world.runtime.behave("default/hello-00004", HANGS);
  await say(world, { image: "example.com/hello:4" });
  assert.deepEqual(outcome(world).latest, ["hello-00004", "hello-one"]);
  world.runtime.behave("default/hello-00005", HANGS);
  await say(world, { image: "example.com/hello:5" });
  const { latest, split } = outcome(world);
  assert.deepEqual(latest, ["hello-00005", "hello-one"]);
  assert.deepEqual(split, { "default/hello-one": 100 });
});

test("§4.1: a rollback awaits an instance of the old Revision before traffic moves", async () => {
  await using world = await saying(ONE, TWO);
  world.runtime.behave("default/hello-one", HANGS);
  await say(world, ONE);
  const { split, Ready } = outcome(world);
  assert.deepEqual(split, { "default/hello-two": 100 });
  assert.match(Ready ?? "", /^Unknown/);
  world.runtime.behave("default/hello-one", { phase: "ready" });
  await world.settle();
  assert.deepEqual(outcome(world).split, { "default/hello-one": 100 });
});

test("§4.1: a name that another Configuration has taken moves no traffic", async () => {
  await using world = await World.make();
  const theirs = { template: { name: "hello-you-two" }, image: "example.com/you:1" };
  await world.client.create(configurationOf("hello-you", theirs));
  await world.settle();
  await say(world, ONE);
  await say(world, { image: "example.com/hello:2", template: { name: "hello-you-two" } });
  const exists = 'revisions.serving.knative.dev "hello-you-two" already exists';
  const taken = 'The revision name "hello-you-two" is taken by a conflicting Revision';
  const failed = `False RevisionFailed: Revision creation failed with message: ${exists}.`;
  assert.deepEqual(told(world.get(SERVICE, "hello")), {
    ConfigurationsReady: failed,
    RoutesReady: `False RevisionNameTaken: ${taken}, so traffic will not be migrated`,
    Ready: failed,
  });
  assert.deepEqual(outcome(world).latest, ["hello-one", "hello-one"]);
  assert.deepEqual(world.gateway.splitOf(MAIN), { "default/hello-one": 100 });
});

test("§4.1: an old name with another spec is taken, though it is one's own", async () => {
  await using world = await saying(ONE, TWO);
  await say(world, { ...ONE, image: "example.com/hello:3" });
  assert.match(told(world.get(SERVICE, "hello"))["RoutesReady"] ?? "", /^False RevisionNameTaken/);
  assert.match(told(world.get(CONFIGURATION, "hello"))["Ready"] ?? "", /^False RevisionFailed/);
  assert.deepEqual(world.gateway.splitOf(MAIN), { "default/hello-two": 100 });
  await say(world, { image: "example.com/hello:3" });
  assert.deepEqual(outcome(world), {
    Ready: "True",
    split: { "default/hello-00004": 100 },
    latest: ["hello-00004", "hello-00004"],
  });
});

test("§4.1: a long name is cut, and told apart by a hash", async () => {
  await using world = await World.make();
  const name = `h${"e".repeat(61)}o`;
  await world.apply(SERVICE, serviceOf(name));
  await world.settle();
  const [revision = ""] = world.list(REVISION).map(({ metadata }) => metadata.name);
  assert.equal(revision.length, 63);
  assert.match(revision, /^he+[0-9a-f]{32}-00001$/);
  assert.equal(told(world.get(SERVICE, name))["Ready"], "True");
});

test("ERR-1: the reason of a Revision that fails is that of all above it", async () => {
  await using world = await saying({ image: "example.com/hello:1" });
  await say(world, { image: "example.com/invalid:2" });
  const said = 'Unable to fetch image "example.com/invalid:2": manifest unknown';
  const missing = `False ContainerMissing: ${said}`;
  assert.equal(told(world.get(REVISION, "hello-00002"))["Ready"], missing);
  assert.equal(told(world.get(CONFIGURATION, "hello"))["Ready"], missing);
  assert.deepEqual(told(world.get(SERVICE, "hello")), {
    ConfigurationsReady: missing,
    RoutesReady: "True",
    Ready: missing,
  });
  assert.deepEqual(outcome(world).latest, ["hello-00002", "hello-00001"]);
});

test("ERR-6: a first Revision that fails leaves nothing to route to", async () => {
  await using world = await saying({ image: "example.com/invalid:1" });
  const { status } = world.get(SERVICE, "hello");
  assert.deepEqual([status?.traffic, status?.latestReadyRevisionName], [undefined, undefined]);
  const said = told(world.get(SERVICE, "hello"));
  const none = 'Configuration "hello" does not have any ready Revision.';
  assert.equal(said["RoutesReady"], `False RevisionMissing: ${none}`);
  assert.match(said["Ready"] ?? "", /^False ContainerMissing/);
});

test("§4.5: with one's own name the Route waits until it is known whose the name is", async () => {
  await using world = await saying(ONE);
  const traffic = [{ revisionName: "hello-two", percent: 100 }];
  await world.apply(SERVICE, serviceOf("hello", { ...TWO, traffic }));
  await world.step("Service/default/hello");
  assert.deepEqual(world.get(ROUTE, "hello").spec.traffic?.[0]?.configurationName, "hello");
  const late = "The Route is still working to reflect the latest desired specification.";
  assert.equal(told(world.get(SERVICE, "hello"))["RoutesReady"], `Unknown OutOfDate: ${late}`);
  await world.settle();
  assert.deepEqual(outcome(world).split, { "default/hello-two": 100 });
});

test("§4.6: while the Route lacks the latest Revision, traffic is not migrated", async () => {
  await using world = await saying({});
  await world.apply(SERVICE, serviceOf("hello", { image: "example.com/hello:2" }));
  const configuration = () => world.get(CONFIGURATION, "hello").status;
  for (const kind of ["Service", "Configuration", "Revision", "Revision", "Configuration"]) {
    await world.step(`${kind}/default/hello${kind === "Revision" ? "-00002" : ""}`);
  }
  while (configuration()?.latestReadyRevisionName !== "hello-00002") {
    await world.step("Revision/default/hello-00002");
    await world.step("Configuration/default/hello");
  }
  await world.step("Service/default/hello");
  assert.deepEqual(told(world.get(SERVICE, "hello")), {
    ConfigurationsReady: "True",
    RoutesReady: "Unknown TrafficNotMigrated: Traffic is not yet migrated to the latest revision.",
    Ready: "Unknown TrafficNotMigrated: Traffic is not yet migrated to the latest revision.",
  });
});

test("§4.6: while the gateway still serves the old split, traffic is not migrated", async () => {
  await using world = await saying(ONE);
  world.gateway.isDown = true;
  const tag = { latestRevision: true, tag: "latest", percent: 0 };
  const traffic = [{ revisionName: "hello-one", percent: 100 }, tag];
  await world.apply(SERVICE, serviceOf("hello", { ...ONE, traffic }));
  await world.settle();
  const down = "Unknown Uninitialized: worker 1 has not confirmed in time";
  assert.equal(told(world.get(SERVICE, "hello"))["RoutesReady"], down);
  assert.equal(world.get(SERVICE, "hello").status?.traffic?.length, 1);
  world.gateway.isDown = false;
  world.pass(1);
  await world.settle();
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True");
  assert.equal(world.get(SERVICE, "hello").status?.traffic?.length, 2);
});

/** A world in which a Service has said these one after the other. */
async function saying(...wishes: readonly Wish[]): Promise<World> {
  const world = await World.make();
  for (const wish of wishes) await say(world, wish);
  return world;
}

async function say(world: World, wish: Wish): Promise<void> {
  await world.apply(SERVICE, serviceOf("hello", wish));
  await world.settle();
}

function outcome(world: World) {
  const service = world.get(SERVICE, "hello");
  const { latestCreatedRevisionName: created, latestReadyRevisionName: ready } =
    service.status ?? {};
  return {
    Ready: told(service)["Ready"],
    split: world.gateway.splitOf(MAIN),
    latest: [created, ready],
  };
}
