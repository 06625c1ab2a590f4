import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIGURATION } from "../../src/api/configuration.ts";
import type { Kind } from "../../src/api/kind.ts";
import type { Resource } from "../../src/api/meta.ts";
import { REVISION } from "../../src/api/revision.ts";
import { ROUTE } from "../../src/api/route.ts";
import { SERVICE } from "../../src/api/service.ts";
import type { TrafficTarget } from "../../src/api/traffic.ts";
import { configurationOf, routeOf, serviceOf, told, type Wish } from "./serving.ts";
import { World } from "./world.ts";

// What the first page on Elafros promises, where no story of another name tells it.

const MAIN = "hello.default.localhost";
const [ONE, TWO] = ["default/hello-00001", "default/hello-00002"];

test("S-1: a Route, a Configuration and its Revision are all that serving takes", async () => {
  await using world = await World.make();
  await world.client.create(configurationOf("hello"));
  await world.client.create(routeOf("hello"));
  await world.settle();
  assert.deepEqual(world.gateway.splitOf(MAIN), { [ONE]: 100 });
  assert.deepEqual(
    [CONFIGURATION, REVISION, ROUTE, SERVICE].map((kind) => names(world, kind)),
    [["hello"], ["hello-00001"], ["hello"], []],
  );
});

test("S-2: a Route keeps its name and address, whatever Revisions are behind it", async () => {
  await using world = await saying({});
  const { uid } = world.get(ROUTE, "hello").metadata;
  const url = "http://hello.default.localhost:8080";
  for (const traffic of [[to(1, 100)], [to(1, 20), to(2, 80)], undefined]) {
    await say(world, { image: "example.com/hello:2", ...(traffic && { traffic }) });
    const { metadata, status } = world.get(ROUTE, "hello");
    assert.deepEqual([metadata.uid, status?.url], [uid, url]);
    assert.equal(told(world.get(ROUTE, "hello"))["Ready"], "True");
  }
});

test("S-3: a namespace holds several Routes, also to one Configuration", async () => {
  await using world = await World.make();
  await world.client.create(configurationOf("hello"));
  const traffic = [{ configurationName: "hello", percent: 100 }];
  for (const name of ["hello", "also"]) await world.client.create(routeOf(name, { traffic }));
  await world.settle();
  const hosts = [MAIN, "also.default.localhost"];
  const splits = hosts.map((host) => world.gateway.splitOf(host));
  assert.deepEqual(splits, [{ [ONE]: 100 }, { [ONE]: 100 }]);
});

test("S-8: any Revision of a Route, or each of them, has a name of its own to ask by", async () => {
  await using world = await saying({}, { image: "example.com/hello:2" });
  const traffic = [to(1, 100, "old"), to(2, 0, "new")];
  await say(world, { image: "example.com/hello:2", traffic });
  assert.deepEqual(world.gateway.splitOf(`old-${MAIN}`), { [ONE]: 100 });
  assert.deepEqual(world.gateway.splitOf(`new-${MAIN}`), { [TWO]: 100 });
  await say(world, { image: "example.com/hello:2", traffic: [to(1, 100), to(2, 0, "new")] });
  assert.deepEqual(world.gateway.splitOf(`old-${MAIN}`), {});
});

test("S-10: a Revision that no Route names is kept, and can be reached by nobody", async () => {
  await using world = await saying({}, { image: "example.com/hello:2" });
  assert.deepEqual(names(world, REVISION), ["hello-00001", "hello-00002"]);
  assert.deepEqual(reachable(world), [TWO]);
  await say(world, { image: "example.com/hello:2", traffic: [to(1, 100)] });
  assert.deepEqual(reachable(world), [ONE]);
});

test("S-12: a change of the template makes a Revision, and no other change does", async () => {
  await using world = await saying({});
  await say(world, { metadata: { labels: { team: "green" } } });
  await say(world, { traffic: [to(1, 100, "now")] });
  await world.client.create(
    routeOf("also", { traffic: [{ revisionName: "hello-00001", percent: 100 }] }),
  );
  await world.settle();
  assert.deepEqual(names(world, REVISION), ["hello-00001"]);
  await say(world, { container: { args: ["--loud"] } });
  assert.deepEqual(names(world, REVISION), ["hello-00001", "hello-00002"]);
});

test("S-16, L12: nobody changes what a Revision is, and anybody may delete it", async () => {
  await using world = await saying({}, { image: "example.com/hello:2" });
  const revision = world.get(REVISION, "hello-00001");
  const spec = { ...revision.spec, timeoutSeconds: 60 };
  await assert.rejects(world.client.put({ ...revision, spec }), /Immutable fields changed/);
  const patch = { spec: { timeoutSeconds: 60 } };
  const what = { kind: REVISION, key: { namespace: "default", name: "hello-00001" } };
  await assert.rejects(world.client.patch(what, patch), /Immutable fields changed/);
  await world.client.delete(revision);
  await world.settle();
  assert.deepEqual(names(world, REVISION), ["hello-00002"]);
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True");
});

test("S-18: who watches the one Configuration hears of every Revision that comes", async () => {
  await using world = await saying({});
  const over = new AbortController();
  const { resourceVersion } = await world.client.list(CONFIGURATION);
  const watching = world.client.watch(CONFIGURATION, {
    ...{ namespace: "default", fieldSelector: "metadata.name=hello" },
    ...{ resourceVersion, signal: over.signal },
  });
  for (const version of [2, 3, 4]) await say(world, { image: `example.com/hello:${version}` });
  const created = new Set<string | undefined>();
  for await (const { object } of watching) {
    created.add(object.status?.latestCreatedRevisionName);
    if (object.status?.latestReadyRevisionName === "hello-00004") break;
  }
  over.abort();
  assert.deepEqual([...created], ["hello-00001", "hello-00002", "hello-00003", "hello-00004"]);
});

test("S-21: by convention one name is all: Service, Route, Configuration, one live", async () => {
  await using world = await saying({}, { image: "example.com/hello:2" });
  assert.deepEqual(
    [SERVICE, ROUTE, CONFIGURATION].map((kind) => names(world, kind)),
    [["hello"], ["hello"], ["hello"]],
  );
  const live = new Set(world.runtime.list().map(({ spec }) => spec.revision));
  assert.deepEqual([...live], [TWO]);
});

function to(revision: number, percent: number, tag?: string): TrafficTarget {
  return { revisionName: `hello-0000${revision}`, percent, ...(tag && { tag }) };
}

/** A world in which the Service "hello" has said these, one after the other. */
async function saying(...wishes: readonly Wish[]): Promise<World> {
  const world = await World.make();
  for (const wish of wishes) await say(world, wish);
  return world;
}

async function say(world: World, wish: Wish): Promise<void> {
  await world.apply(SERVICE, serviceOf("hello", wish));
  await world.settle();
}

function names(world: World, kind: Kind): readonly string[] {
  return (world.list(kind) as readonly Resource[]).map(({ metadata }) => metadata.name);
}

/** What is sent requests by any host. */
function reachable(world: World): readonly string[] {
  const hosts = [...world.gateway.routes.values()].flatMap((route) => route.hosts);
  return [...new Set(hosts.flatMap(({ split }) => split.map(({ backend }) => backend)))];
}
