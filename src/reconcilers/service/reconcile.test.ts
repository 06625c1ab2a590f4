import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../test/world/model_images.ts";
import { routeOf, serviceOf, since, told } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { ok } from "../../api/condition.ts";
import { CONFIGURATION } from "../../api/configuration.ts";
import { EVENT } from "../../api/event.ts";
import { KINDS } from "../../api/kinds.ts";
import { POD } from "../../api/pod.ts";
import { REVISION } from "../../api/revision.ts";
import { ROUTE } from "../../api/route.ts";
import { SERVICE } from "../../api/service.ts";

const OURS = {
  "serving.knative.dev/creator": "owner",
  "serving.knative.dev/lastModifier": "owner",
};

test("L1, L4: a Service makes and owns a Configuration and a Route of its name", async () => {
  await using world = await World.make();
  const { metadata } = await world.apply(SERVICE, serviceOf("hello"));
  await world.settle();
  const owner = { apiVersion: SERVICE.apiVersion, kind: "Service", name: "hello" };
  const reference = { ...owner, uid: metadata.uid, controller: true, blockOwnerDeletion: true };
  const made = [world.get(CONFIGURATION, "hello"), world.get(ROUTE, "hello")];
  assert.deepEqual(
    made.map((it) => it.metadata.ownerReferences),
    [[reference], [reference]],
  );
  assert.deepEqual(world.get(ROUTE, "hello").spec.traffic, [
    { configurationName: "hello", latestRevision: true, percent: 100 },
  ]);
});

test("L5: labels and annotations of the Service are on both, and go when they go", async () => {
  await using world = await World.make();
  const labels = { team: "green" };
  const annotations = { "example.com/note": "one" };
  await world.apply(SERVICE, serviceOf("hello", { metadata: { labels, annotations } }));
  await world.settle();
  const stored = world.get(SERVICE, "hello");
  const made = () => [world.get(CONFIGURATION, "hello"), world.get(ROUTE, "hello")];
  const service = {
    "serving.knative.dev/service": "hello",
    "serving.knative.dev/serviceUID": stored.metadata.uid,
  };
  for (const { metadata } of made()) {
    assert.deepEqual(metadata.labels, { ...labels, ...service });
    assert.deepEqual(metadata.annotations, { ...annotations, ...OURS });
  }
  const { labels: _, annotations: __, ...bare } = stored.metadata;
  await world.client.put({ ...stored, metadata: bare });
  await world.settle();
  for (const { metadata } of made()) {
    assert.deepEqual([metadata.labels, metadata.annotations], [service, OURS]);
    assert.equal(metadata.generation, 1);
  }
});

test("L6: the status is that of the Configuration and the Route, in one", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("hello"));
  await world.settle();
  assert.deepEqual(world.get(SERVICE, "hello").status, {
    observedGeneration: 1,
    conditions: since(ok("ConfigurationsReady"), ok("RoutesReady"), ok("Ready")),
    latestCreatedRevisionName: "hello-00001",
    latestReadyRevisionName: "hello-00001",
    url: "http://hello.default.localhost:8080",
    address: { url: "http://hello.default.svc.cluster.local:8080" },
    traffic: [{ revisionName: "hello-00001", latestRevision: true, percent: 100 }],
  });
});

test("L7: what users change of the children is set right again", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("hello"));
  await world.settle();
  const configuration = world.get(CONFIGURATION, "hello");
  const route = world.get(ROUTE, "hello");
  const { metadata } = configuration;
  const labels = { ...metadata.labels, extra: "label" };
  await world.client.put({ ...configuration, metadata: { ...metadata, labels } });
  const traffic = [{ revisionName: "hello-00009", percent: 100 }];
  await world.client.put({ ...route, spec: { traffic } });
  await world.settle();
  assert.deepEqual(world.get(ROUTE, "hello").spec, route.spec);
  assert.deepEqual(world.get(CONFIGURATION, "hello").metadata.labels, metadata.labels);
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True");
});

test("L2: a Configuration of another is left alone, and nothing is routed to it", async () => {
  await using world = await World.make();
  const { kind, apiVersion } = CONFIGURATION;
  const spec = serviceOf("hello").spec;
  const mine = { apiVersion, kind, metadata: { namespace: "default", name: "hello" }, spec };
  const before = await world.client.create(mine);
  await world.apply(SERVICE, serviceOf("hello", { image: "example.com/other:1" }));
  await world.settle();
  const after = world.get(CONFIGURATION, "hello");
  assert.deepEqual(after.spec, before.spec);
  assert.equal(world.find(ROUTE, "hello"), undefined);
  assert.deepEqual(told(world.get(SERVICE, "hello")), {
    ConfigurationsReady:
      'False NotOwned: There is an existing Configuration "hello" that we do not own.',
    RoutesReady:
      "Unknown OutOfDate: The Route is still working to reflect the latest desired specification.",
    Ready: 'False NotOwned: There is an existing Configuration "hello" that we do not own.',
  });
});

test("L2: a Route of another is left alone, and so is what it says", async () => {
  await using world = await World.make();
  const before = await world.client.create(routeOf("hello"));
  await world.apply(SERVICE, serviceOf("hello"));
  await world.settle();
  assert.deepEqual(world.get(ROUTE, "hello").spec, before.spec);
  const { status } = world.get(SERVICE, "hello");
  assert.deepEqual([status?.url, status?.traffic], [undefined, undefined]);
  assert.deepEqual(told(world.get(SERVICE, "hello")), {
    ConfigurationsReady: "True",
    RoutesReady: 'False NotOwned: There is an existing Route "hello" that we do not own.',
    Ready: 'False NotOwned: There is an existing Route "hello" that we do not own.',
  });
});

test("L3: a deleted Service leaves nothing behind, anywhere", async () => {
  await using world = await World.make();
  const template = { annotations: { "varve.dev/source": "https://example.com/hello.git" } };
  await world.apply(SERVICE, serviceOf("built", { template }));
  await world.apply(SERVICE, serviceOf("hello"));
  await world.settle();
  await world.apply(SERVICE, serviceOf("hello", { image: "example.com/hello:2" }));
  await world.settle();
  for (const name of ["hello", "built"]) await world.client.delete(world.get(SERVICE, name));
  await world.settle();
  // The namespace itself is still there, with the account that each one has.
  const staying = ["Namespace", "ServiceAccount", "Event"];
  const left = KINDS.filter(({ kind }) => !staying.includes(kind));
  assert.deepEqual(
    left.flatMap((kind) => world.list(kind)),
    [],
  );
  const { routes, backends } = world.gateway;
  assert.deepEqual([...routes.keys(), ...backends.keys()], []);
  assert.deepEqual([world.runtime.list(), world.builder.ids], [[], []]);
});

test("a Service that is made again at once waits for what is left of the old one", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("hello"));
  await world.settle();
  const [instance] = world.runtime.list();
  const request = world.gateway.begin(instance?.spec.name ?? "");
  await world.client.delete(world.get(SERVICE, "hello"));
  await world.client.create(serviceOf("hello", { image: "example.com/hello:2" }));
  await world.settle();
  // The old Revision waits for a request to end, and its name is that of the new one.
  const terminating =
    'Unknown Terminating: Revision "hello-00001" of before is still being deleted.';
  assert.equal(told(world.get(SERVICE, "hello"))["ConfigurationsReady"], terminating);
  request[Symbol.dispose]();
  await world.settle();
  const { status } = world.get(REVISION, "hello-00001");
  const digest = digestOf("example.com/hello:2");
  assert.equal(status?.containerStatuses?.[0]?.imageDigest, `example.com/hello@${digest}`);
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True");
  const warnings = world.list(EVENT).filter(({ type }) => type === "Warning");
  assert.deepEqual(warnings, []);
});

test("a deleted Pod is replaced, and the Service stays ready", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("hello"));
  await world.settle();
  const [pod] = world.list(POD);
  assert(pod !== undefined);
  await world.client.delete(pod);
  await world.settle();
  const pods = world.list(POD).map(({ metadata }) => `default/${metadata.name}`);
  assert.equal(pods.length, 1);
  assert.notEqual(pods[0], `default/${pod.metadata.name}`);
  assert.deepEqual(
    world.runtime.list().map(({ spec }) => spec.name),
    pods,
  );
  const ready = world.get(SERVICE, "hello").status?.conditions?.find((it) => it.type === "Ready");
  assert.equal(ready?.status, "True");
});
