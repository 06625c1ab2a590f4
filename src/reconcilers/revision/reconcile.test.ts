import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../test/world/model_images.ts";
import { exited } from "../../../test/world/model_runtime.ts";
import { configurationOf, routeOf, serviceOf, since, told } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { failed, ok } from "../../api/condition.ts";
import { CONFIGURATION } from "../../api/configuration.ts";
import { POD } from "../../api/pod.ts";
import { REVISION } from "../../api/revision.ts";
import { SERVICE } from "../../api/service.ts";

const NAME = "hello-00001";
const BACKEND = "default/hello-00001";
const HANGS = { phase: "starting", message: "nothing listens on port 20001 yet" } as const;
const QUEUED = "Requests to the target are being buffered as resources are provisioned.";

test("ERR-14: a Revision that serves says so, where its log is, and what image it is", async () => {
  await using world = await serving();
  const digest = digestOf("example.com/hello:1");
  const { identity, ...status } = world.get(REVISION, NAME).status ?? {};
  assert.match(identity?.digest ?? "", /^sha256:[0-9a-f]{64}$/);
  assert.deepEqual(status, {
    observedGeneration: 1,
    conditions: since(
      { ...ok("Active"), severity: "Info" },
      ok("ContainerHealthy"),
      ok("ResourcesAvailable"),
      ok("Ready"),
    ),
    logUrl: "https://127.0.0.1:6480/default/hello-00001",
    containerStatuses: [{ name: "user-container", imageDigest: `example.com/hello@${digest}` }],
    actualReplicas: 1,
    desiredReplicas: 1,
  });
});

test("ERR-12, S-11: one that nobody asks for rests without an instance, and is ready", async () => {
  await using world = await serving();
  await world.apply(SERVICE, serviceOf("hello", { image: "example.com/hello:2" }));
  await world.settle();
  const { status } = world.get(REVISION, NAME);
  const resting = failed("NoTraffic", "The target is not receiving traffic.", "Active");
  assert.deepEqual(
    status?.conditions,
    since(
      { ...resting, severity: "Info" },
      ok("ContainerHealthy"),
      ok("ResourcesAvailable"),
      ok("Ready"),
    ),
  );
  assert.deepEqual([status?.actualReplicas, status?.desiredReplicas], [0, 0]);
  assert.deepEqual(world.runtime.of(BACKEND), []);
});

test("ERR-13: while its instance is starting again requests wait, and it stays ready", async () => {
  await using world = await serving();
  world.runtime.behave(BACKEND, HANGS);
  await world.settle();
  const { Active, Ready } = told(world.get(REVISION, NAME));
  assert.deepEqual([Active, Ready], [`Unknown Queued: ${QUEUED}`, "True"]);
  assert.deepEqual(world.gateway.backends.get(BACKEND)?.endpoints, []);
});

test("ERR-10: an image that is missing is told of, and heals when it appears", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("hello", { image: "example.com/invalid:1" }));
  await world.settle();
  const said = 'Unable to fetch image "example.com/invalid:1": manifest unknown';
  const missing = `False ContainerMissing: ${said}`;
  const { ContainerHealthy, Ready } = told(world.get(REVISION, NAME));
  assert.deepEqual([ContainerHealthy, Ready], [missing, missing]);
  const { pulls } = world.images;
  const { revision } = world;
  world.pass(60);
  await world.settle();
  assert(world.images.pulls > pulls, "it is tried again");
  assert.equal(world.revision, revision, "and nothing new is said of it");
  world.images.remote.set("example.com/invalid:1", digestOf("found"));
  world.pass(300);
  await world.settle();
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True");
});

test("ERR-11: a container that fails at start tells its exit code and last output", async () => {
  await using world = await World.make();
  const lastExit = exited(127, "sh: hello: not found");
  world.runtime.behave(BACKEND, { phase: "waiting", lastExit });
  await world.apply(SERVICE, serviceOf("hello"));
  await world.settle();
  const failure = "False ExitCode127: Container failed with: sh: hello: not found";
  assert.deepEqual(told(world.get(REVISION, NAME)), {
    Active: `Unknown Queued: ${QUEUED}`,
    ContainerHealthy: failure,
    ResourcesAvailable: "True",
    Ready: failure,
  });
  assert.equal(
    world.get(REVISION, NAME).status?.logUrl,
    "https://127.0.0.1:6480/default/hello-00001",
  );
  assert.equal(world.runtime.of(BACKEND).length, 1);
  assert.equal(
    world.gateway.backends.get(BACKEND)?.why,
    failure.replace("False ExitCode127: ", ""),
  );
});

test("ERR-8: one that is never ready fails when its time is over, and is let be", async () => {
  await using world = await World.make();
  world.runtime.behave(BACKEND, HANGS);
  await world.apply(SERVICE, serviceOf("hello"));
  await world.settle();
  assert.equal(ready(world), `Unknown Deploying: ${HANGS.message}`);
  world.pass(599);
  await world.settle();
  assert.equal(ready(world), `Unknown Deploying: ${HANGS.message}`);
  world.pass(1);
  await world.settle();
  const late = `Did not pass readiness checks in time: ${HANGS.message}`;
  assert.equal(ready(world), `False ProgressDeadlineExceeded: ${late}`);
  assert.match(told(world.get(SERVICE, "hello"))["Ready"] ?? "", /^False ProgressDeadlineExceeded/);
  assert.deepEqual(world.runtime.list(), []);
});

test("ERR-8: the time may be set, and a better reason is preferred", async () => {
  await using world = await World.make();
  const annotations = { "serving.knative.dev/progress-deadline": "60s" };
  const lastExit = exited(1, "no database");
  world.runtime.behave(BACKEND, { phase: "waiting", lastExit });
  await world.apply(SERVICE, serviceOf("hello", { template: { annotations } }));
  await world.settle();
  world.pass(60);
  await world.settle();
  const { ResourcesAvailable, Ready } = told(world.get(REVISION, NAME));
  assert.match(ResourcesAvailable ?? "", /^False ProgressDeadlineExceeded/);
  assert.equal(Ready, "False ExitCode1: Container failed with: no database");
});

test("one that a Route names is tried as long as it is named, also after its time", async () => {
  await using world = await serving();
  await world.apply(SERVICE, serviceOf("hello", { image: "example.com/hello:2" }));
  await world.settle();
  const lastExit = exited(1, "the database is down");
  world.runtime.behave(BACKEND, { phase: "waiting", lastExit });
  const traffic = [{ revisionName: NAME, percent: 100 }];
  await world.apply(SERVICE, serviceOf("hello", { image: "example.com/hello:2", traffic }));
  await world.settle();
  world.pass(6000);
  await world.settle();
  assert.equal(world.runtime.of(BACKEND).length, 1);
  world.runtime.behave(BACKEND, { phase: "ready" });
  await world.settle();
  assert.deepEqual([ready(world), told(world.get(SERVICE, "hello"))["Ready"]], ["True", "True"]);
  assert.deepEqual(world.gateway.splitOf("hello.default.localhost"), { [BACKEND]: 100 });
});

test("ERR-7: what the runtime cannot do is told of, and the Revision is there", async () => {
  await using world = await World.make();
  const template = { labels: { a: "b" } };
  const { spec, ...service } = serviceOf("hello", { template });
  const [container] = spec.template?.spec?.containers ?? [];
  const serving = { ...container, ports: [{ containerPort: 80 }] };
  const containers = [serving, { name: "sidecar", image: "example.com/sidecar:1" }];
  const pods = { metadata: template, spec: { containers } };
  await world.client.create({ ...service, spec: { template: pods } });
  await world.settle();
  const way = "put what the others do into its image, or into Services of their own";
  const why = `The Revision has 2 containers, and an instance has one: ${way}.`;
  const failure = `False RuntimeMissing: ${why}`;
  const { ResourcesAvailable, Ready } = told(world.get(REVISION, NAME));
  assert.deepEqual([ResourcesAvailable, Ready], [failure, failure]);
});

test("ERR-2: a failed build tells its last step, and the Pod with its log stays", async () => {
  await using world = await World.make();
  const template = { annotations: { "varve.dev/source": "https://example.com/hello.git" } };
  await world.apply(SERVICE, serviceOf("hello", { image: "", template }));
  await world.settle();
  const message = "Step npm ci failed with error message: no network";
  world.builder.report(BACKEND, { phase: "Failed", reason: "BuildStepFailed", message });
  await world.settle();
  assert.deepEqual(told(world.get(REVISION, NAME)), {
    Active: `Unknown Queued: ${QUEUED}`,
    ContainerHealthy: `False BuildFailed: Build failed: ${message}`,
    ResourcesAvailable: "Unknown",
    BuildSucceeded: `False BuildStepFailed: ${message}`,
    Ready: `False BuildFailed: Build failed: ${message}`,
  });
  world.pass(86_400);
  await world.settle();
  const { status } = world.get(POD, "hello-00001-build");
  assert.deepEqual(
    [status?.phase, status?.containerStatuses?.[0]?.state?.terminated],
    ["Failed", { exitCode: 1, reason: "BuildStepFailed", message }],
  );
});

test("a new Revision without a Route shows that it works, and then rests", async () => {
  await using world = await World.make();
  world.runtime.behave(BACKEND, HANGS);
  await world.apply(CONFIGURATION, configurationOf("hello"));
  await world.settle();
  assert.equal(world.runtime.of(BACKEND).length, 1);
  world.runtime.behave(BACKEND, { phase: "ready" });
  await world.settle();
  assert.deepEqual([ready(world), world.runtime.list()], ["True", []]);
  await world.client.create(routeOf("hello"));
  await world.settle();
  assert.equal(world.runtime.of(BACKEND).length, 1);
});

async function serving(): Promise<World> {
  const world = await World.make();
  await world.apply(SERVICE, serviceOf("hello"));
  await world.settle();
  return world;
}

function ready(world: World): string | undefined {
  return told(world.get(REVISION, NAME))["Ready"];
}
