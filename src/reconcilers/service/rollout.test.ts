import assert from "node:assert/strict";
import { test } from "node:test";
import { exited } from "../../../test/world/model_runtime.ts";
import { serviceOf, told, type Wish } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { CONFIGURATION } from "../../api/configuration.ts";
import { REVISION } from "../../api/revision.ts";
import { ROUTE } from "../../api/route.ts";
import { SERVICE } from "../../api/service.ts";
import type { TrafficTarget } from "../../api/traffic.ts";

const MAIN = "my-service.default.localhost";
const KEY = { namespace: "default", name: "my-service" };
const HANGS = { phase: "starting", message: "nothing listens on port 20002 yet" } as const;

test("NE-1: one PATCH of the image rolls out by itself, and the environment stays", async () => {
  await using world = await serving({ container: { env: ENV } });
  world.runtime.behave("default/my-service-00002", HANGS);
  const containers = [{ image: "example.com/hello:2" }];
  const patch = { spec: { template: { spec: { containers } } } };
  await world.client.patch({ kind: SERVICE, key: KEY }, patch, { type: "strategic" });
  await world.settle();

  const configuration = world.get(CONFIGURATION, "my-service");
  assert.equal(configuration.metadata.generation, 2);
  const { conditions: _, ...names } = configuration.status ?? {};
  assert.deepEqual(names, {
    observedGeneration: 2,
    latestCreatedRevisionName: "my-service-00002",
    latestReadyRevisionName: "my-service-00001",
  });
  const def = world.get(REVISION, "my-service-00002");
  const [container] = def.spec.containers ?? [];
  assert.deepEqual([container?.image, container?.env], ["example.com/hello:2", ENV]);
  const { labels = {} } = def.metadata;
  assert.equal(labels["serving.knative.dev/configuration"], "my-service");
  assert.equal(labels["serving.knative.dev/configurationGeneration"], "2");
  assert.deepEqual(world.gateway.splitOf(MAIN), { "default/my-service-00001": 100 });
  assert.match(told(world.get(SERVICE, "my-service"))["Ready"] ?? "", /^Unknown Deploying/);

  world.runtime.behave("default/my-service-00002", { phase: "ready" });
  await world.settle();
  assert.deepEqual(outcome(world), {
    Ready: "True",
    traffic: [{ revisionName: "my-service-00002", latestRevision: true, percent: 100 }],
    split: { "default/my-service-00002": 100 },
    latest: "my-service-00002",
  });
});

test("NE-2: one POST of a Service makes all, and it says it is starting until it is", async () => {
  await using world = await World.make();
  world.runtime.behave("default/my-service-00001", HANGS);
  await world.client.create(serviceOf("my-service"));
  await world.settle();
  const { spec } = world.get(ROUTE, "my-service");
  assert.deepEqual(spec.traffic, [
    { configurationName: "my-service", latestRevision: true, percent: 100 },
  ]);
  const starting = `Unknown Deploying: ${HANGS.message}`;
  const waiting = 'Configuration "my-service" is waiting for a Revision to become ready.';
  assert.deepEqual(told(world.get(SERVICE, "my-service")), {
    ConfigurationsReady: starting,
    RoutesReady: `Unknown RevisionMissing: ${waiting}`,
    Ready: starting,
  });
  assert.equal(
    world.get(SERVICE, "my-service").status?.latestCreatedRevisionName,
    "my-service-00001",
  );
  world.runtime.behave("default/my-service-00001", { phase: "ready" });
  await world.settle();
  assert.equal(told(world.get(SERVICE, "my-service"))["Ready"], "True");
});

test("NE-3: a pinned Service takes a new environment without sending it traffic", async () => {
  await using world = await serving({ container: { env: ENV } });
  await setTraffic(world, [{ revisionName: "my-service-00001", percent: 100 }]);
  const env = [{ name: "HELLO", value: "blurg" }];
  const spec = { containers: [{ name: "user-container", env }] };
  const patch = { spec: { template: { spec } } };
  await world.client.patch({ kind: SERVICE, key: KEY }, patch, { type: "strategic" });
  await world.settle();
  const [container] = world.get(REVISION, "my-service-00002").spec.containers ?? [];
  assert.equal(container?.image, "example.com/hello:1");
  assert.deepEqual(container?.env, [ENV[0], ...env]);
  assert.equal(told(world.get(REVISION, "my-service-00002"))["Ready"], "True");
  assert.deepEqual(world.gateway.splitOf(MAIN), { "default/my-service-00001": 100 });

  for (const percent of [0, 10, 60, 100]) {
    await setTraffic(world, [
      { revisionName: "my-service-00001", tag: "current", percent: 100 - percent },
      { revisionName: "my-service-00002", tag: "next", percent },
    ]);
    assert.deepEqual(world.gateway.splitOf(MAIN), {
      ...(percent < 100 && { "default/my-service-00001": 100 - percent }),
      ...(percent > 0 && { "default/my-service-00002": percent }),
    });
    const [current, next] = ["current", "next"].map((tag) =>
      world.gateway.splitOf(`${tag}-${MAIN}`),
    );
    assert.deepEqual(current, { "default/my-service-00001": 100 });
    assert.deepEqual(next, { "default/my-service-00002": 100 });
    assert.equal(told(world.get(SERVICE, "my-service"))["Ready"], "True");
  }
});

test("NE-3b: a managed release: pin, add under a name of its own, try, share, move", async () => {
  await using world = await serving();
  const current = { revisionName: "my-service-00001", tag: "current" };
  const latest = { latestRevision: true, tag: "latest", percent: 0 };
  await setTraffic(world, [{ ...current, percent: 100 }, latest]);
  assert.deepEqual(names(world), ["my-service-00001"], "the template said nothing new");

  const ghi = "my-service-ghi";
  const traffic = [{ ...current, percent: 100 }, latest];
  const wish = { template: { name: ghi }, container: { env: ENV }, traffic };
  await world.apply(SERVICE, serviceOf("my-service", wish));
  await world.settle();
  assert.deepEqual(world.gateway.splitOf(`latest-${MAIN}`), { [`default/${ghi}`]: 100 });
  assert.deepEqual(world.gateway.splitOf(MAIN), { "default/my-service-00001": 100 });

  const candidate = { revisionName: ghi, tag: "candidate" };
  for (const percent of [0, 5]) {
    const share = { ...current, percent: 100 - percent };
    await setTraffic(world, [share, { ...candidate, percent }, latest]);
  }
  assert.deepEqual(world.gateway.splitOf(MAIN), {
    "default/my-service-00001": 95,
    [`default/${ghi}`]: 5,
  });
  await setTraffic(world, [{ revisionName: ghi, tag: "current", percent: 100 }, latest]);
  const url = (tag: string) => `http://${tag}-${MAIN}:8080`;
  assert.deepEqual(outcome(world), {
    Ready: "True",
    traffic: [
      {
        revisionName: ghi,
        latestRevision: false,
        percent: 100,
        tag: "current",
        url: url("current"),
      },
      { revisionName: ghi, latestRevision: true, percent: 0, tag: "latest", url: url("latest") },
    ],
    split: { [`default/${ghi}`]: 100 },
    latest: ghi,
  });
});

test("NE-3b: traffic may name the Revision the same write makes, and waits for it", async () => {
  await using world = await serving();
  const ghi = "my-service-ghi";
  world.runtime.behave(`default/${ghi}`, HANGS);
  const traffic = [{ revisionName: ghi, percent: 100 }];
  await world.apply(SERVICE, serviceOf("my-service", { template: { name: ghi }, traffic }));
  await world.settle();
  assert.deepEqual(world.gateway.splitOf(MAIN), { "default/my-service-00001": 100 });
  const notYet = `Unknown RevisionMissing: Revision "${ghi}" is not yet ready.`;
  assert.equal(told(world.get(SERVICE, "my-service"))["RoutesReady"], notYet);
  world.runtime.behave(`default/${ghi}`, { phase: "ready" });
  await world.settle();
  assert.deepEqual(world.gateway.splitOf(MAIN), { [`default/${ghi}`]: 100 });
});

test("NE-4: from source: one build, no traffic before its image, and its origin told", async () => {
  await using world = await serving();
  await world.apply(SERVICE, serviceOf("my-service", fromSource({ container: { env: ENV } })));
  await world.settle();
  assert.deepEqual(
    names(world),
    ["my-service-00001", "my-service-00002"],
    "source and env at once",
  );
  const id = "default/my-service-00002";
  world.builder.report(id, { phase: "Building", step: "npm ci" });
  await world.settle();
  const building = "Unknown Building: The build is running: npm ci";
  assert.deepEqual(told(world.get(REVISION, "my-service-00002")), {
    Active:
      "Unknown Queued: Requests to the target are being buffered as resources are provisioned.",
    ContainerHealthy: building,
    ResourcesAvailable: building,
    BuildSucceeded: building,
    Ready: building,
  });
  assert.deepEqual(world.gateway.splitOf(MAIN), { "default/my-service-00001": 100 });
  const image = `sha256:${"b".repeat(64)}` as const;
  world.images.add(image);
  world.builder.report(id, { phase: "Succeeded", image, origin: "4b825dc6" });
  await world.settle();
  const { status } = world.get(REVISION, "my-service-00002");
  assert.deepEqual(status?.imageSource, { origin: "4b825dc6" });
  assert.equal(told(world.get(REVISION, "my-service-00002"))["BuildSucceeded"], "True");
  assert.deepEqual(world.gateway.splitOf(MAIN), { [id]: 100 });
});

test("NE-4: when the first build fails nothing was ever ready", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("my-service", fromSource()));
  await world.settle();
  const message = "Step npm ci failed with error message: no network";
  const failed = { phase: "Failed", reason: "BuildStepFailed", message } as const;
  world.builder.report("default/my-service-00001", failed);
  await world.settle();
  const service = world.get(SERVICE, "my-service");
  assert.equal(service.status?.latestReadyRevisionName, undefined);
  assert.match(told(service)["Ready"] ?? "", /^False BuildFailed/);
});

test("NE-4b: rolling back is a change of traffic, and makes no Revision", async () => {
  await using world = await serving();
  await world.apply(SERVICE, serviceOf("my-service", { image: "example.com/hello:2" }));
  await world.settle();
  const latest = { latestRevision: true, tag: "latest", percent: 0 };
  await setTraffic(world, [{ revisionName: "my-service-00001", percent: 100 }, latest]);
  assert.deepEqual(names(world), ["my-service-00001", "my-service-00002"]);
  const { split, Ready } = outcome(world);
  assert.deepEqual([split, Ready], [{ "default/my-service-00001": 100 }, "True"]);
  assert.deepEqual(world.gateway.splitOf(`latest-${MAIN}`), { "default/my-service-00002": 100 });
});

test("NE-5: a function: one request at a time, and a label by which it is found", async () => {
  await using world = await World.make();
  const labels = { "elafros.dev/type": "function" };
  const { spec, ...service } = serviceOf("my-service", fromSource());
  const metadata = { ...spec.template?.metadata, labels };
  const limits = { containerConcurrency: 1, timeoutSeconds: 20 };
  const template = { metadata, spec: { ...spec.template?.spec, ...limits } };
  await world.client.create({ ...service, spec: { ...spec, template } });
  await world.settle();
  const image = `sha256:${"b".repeat(64)}` as const;
  world.images.add(image);
  world.builder.report("default/my-service-00001", { phase: "Succeeded", image });
  await world.settle();
  const backend = world.gateway.backends.get("default/my-service-00001");
  assert.deepEqual(backend?.limits, { timeoutMs: 20_000, concurrency: 1 });
  const labelSelector = "elafros.dev/type=function";
  const { items } = await world.client.list(REVISION, { labelSelector });
  assert.deepEqual(
    items.map((it) => it.metadata.name),
    ["my-service-00001"],
  );
});

test("a rollout whose new Revision crashes leaves the old one serving", async () => {
  await using world = await serving();
  const lastExit = exited(1, "no such module");
  world.runtime.behave("default/my-service-00002", { phase: "waiting", lastExit });
  await world.apply(SERVICE, serviceOf("my-service", { image: "example.com/hello:2" }));
  await world.settle();
  const crashed = "False ExitCode1: Container failed with: no such module";
  assert.deepEqual(told(world.get(SERVICE, "my-service")), {
    ConfigurationsReady: crashed,
    RoutesReady: "True",
    Ready: crashed,
  });
  assert.deepEqual(world.gateway.splitOf(MAIN), { "default/my-service-00001": 100 });
});

const ENV = [
  { name: "FOO", value: "bar" },
  { name: "HELLO", value: "world" },
];

/** A world in which the first Revision of "my-service" serves. */
async function serving(wish: Wish = {}): Promise<World> {
  const world = await World.make();
  await world.apply(SERVICE, serviceOf("my-service", wish));
  await world.settle();
  return world;
}

function fromSource(wish: Wish = {}): Wish {
  const source = { "varve.dev/source": "https://example.com/hello.git#main" };
  return { ...wish, image: "", template: { annotations: source } };
}

async function setTraffic(world: World, traffic: readonly TrafficTarget[]): Promise<void> {
  await world.client.patch({ kind: SERVICE, key: KEY }, { spec: { traffic } });
  await world.settle();
}

function outcome(world: World) {
  const service = world.get(SERVICE, "my-service");
  return {
    Ready: told(service)["Ready"],
    traffic: service.status?.traffic,
    split: world.gateway.splitOf(MAIN),
    latest: service.status?.latestReadyRevisionName,
  };
}

function names(world: World): readonly string[] {
  return world.list(REVISION).map(({ metadata }) => metadata.name);
}
