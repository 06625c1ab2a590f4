import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../test/world/model_images.ts";
import { configurationOf, serviceOf, told, type Wish } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { CONFIG_MAP, type ConfigMap } from "../../api/config_map.ts";
import { CONFIGURATION } from "../../api/configuration.ts";
import { EVENT } from "../../api/event.ts";
import { POD } from "../../api/pod.ts";
import { REVISION } from "../../api/revision.ts";
import { SECRET, type Secret } from "../../api/secret.ts";
import { SERVICE } from "../../api/service.ts";

const NAME = "hello-00001";
const BACKEND = "default/hello-00001";
const PLACE = { namespace: "default" };
const HANGS = { phase: "starting", message: "nothing listens yet" } as const;

test("an instance is told what the template says, and what it is an instance of", async () => {
  await using world = await serving({
    container: {
      command: ["serve", "--as", "$(K_REVISION)"],
      args: ["$(GREETING)", "$$(GREETING)", "$(NOBODY)"],
      workingDir: "/srv",
      env: [
        { name: "NAME", value: "you" },
        { name: "GREETING", value: "hello $(NAME)" },
      ],
      ports: [{ name: "h2c", containerPort: 9000 }],
      resources: { requests: { cpu: "250m" }, limits: { memory: "64Mi", cpu: "500m" } },
      securityContext: { runAsUser: 1000 },
      terminationMessagePath: "/run/why",
      readinessProbe: { httpGet: { path: "/ready" } },
    },
  });
  const [{ spec } = {}] = world.runtime.list();
  const { name, ...said } = spec ?? {};
  assert.match(name ?? "", /^default\/hello-00001-x\d+$/);
  assert.deepEqual(said, {
    revision: BACKEND,
    image: digestOf("example.com/hello:1"),
    command: ["serve", "--as", "hello-00001"],
    args: ["hello you", "$(GREETING)", "$(NOBODY)"],
    workingDir: "/srv",
    env: {
      ...{ K_SERVICE: "hello", K_CONFIGURATION: "hello", K_REVISION: "hello-00001" },
      ...{ NAME: "you", GREETING: "hello you" },
    },
    port: 9000,
    protocol: "h2c",
    readiness: { httpGet: { path: "/ready" }, successThreshold: 1 },
    limits: { memoryBytes: 64 * 1024 * 1024, cpuMillis: 500, cpuShares: 256 },
    user: { uid: 1000 },
    terminationMessagePath: "/run/why",
    graceMs: 10_000,
  });
});

test("where a Revision does not say how an end is told, its Pods say what holds", async () => {
  const toldBy = async (container = {}) => {
    await using world = await serving({ container });
    const [{ terminationMessagePath: path, terminationMessagePolicy: policy } = {}] =
      world.list(POD)[0]?.spec.containers ?? [];
    return [path, policy];
  };
  assert.deepEqual(await toldBy(), ["/dev/termination-log", "FallbackToLogsOnError"]);
  const own = { terminationMessagePath: "/run/why", terminationMessagePolicy: "File" };
  assert.deepEqual(await toldBy(own), ["/run/why", "File"]);
});

test("an instance's share of processors is what it asks for, as Kubernetes counts", async () => {
  const sharesOf = async (resources: Record<string, Record<string, string>> = {}) => {
    await using world = await serving({ container: { resources } });
    return world.runtime.list()[0]?.spec.limits.cpuShares;
  };
  assert.equal(await sharesOf(), 2, "who asks for nothing has the least");
  assert.equal(await sharesOf({ requests: { cpu: "1m" } }), 2);
  assert.equal(await sharesOf({ requests: { cpu: "100m" }, limits: { cpu: "2" } }), 102);
  assert.equal(await sharesOf({ limits: { cpu: "2" } }), 2048);
  assert.equal(await sharesOf({ requests: { cpu: "300" } }), 262_144, "the kernel takes no more");
});

test("variables come from ConfigMaps and Secrets, the later over the earlier", async () => {
  await using world = await World.make();
  const data = { MODE: "dark", SIZE: "large" };
  await world.client.create<ConfigMap>({ ...headOf(CONFIG_MAP, "settings"), data });
  const stringData = { password: "s3cret" };
  await world.client.create<Secret>({ ...headOf(SECRET, "login"), stringData });
  const secretKeyRef = { name: "login", key: "password" };
  const missing = { name: "nobody", key: "x", optional: true };
  await apply(world, {
    container: {
      envFrom: [{ prefix: "APP_", configMapRef: { name: "settings" } }],
      env: [
        { name: "APP_SIZE", value: "small" },
        { name: "PASSWORD", valueFrom: { secretKeyRef } },
        { name: "ABSENT", valueFrom: { configMapKeyRef: missing } },
      ],
    },
  });
  const { APP_MODE, APP_SIZE, PASSWORD, ABSENT } = world.runtime.list()[0]?.spec.env ?? {};
  assert.deepEqual([APP_MODE, APP_SIZE, PASSWORD], ["dark", "small", "s3cret"]);
  assert.equal(ABSENT, undefined);
});

test("P-12: a Secret that is missing is told of at once, and used when it is there", async () => {
  await using world = await World.make();
  const secretKeyRef = { name: "login", key: "password" };
  await apply(world, { container: { env: [{ name: "PASSWORD", valueFrom: { secretKeyRef } }] } });
  const why = 'Secret "login" not found, and the variable PASSWORD is taken from it.';
  assert.equal(ready(world), `False ReferenceMissing: ${why}`);
  assert.deepEqual([world.list(POD), world.runtime.list()], [[], []]);
  await world.client.create<Secret>({ ...headOf(SECRET, "login"), stringData: { user: "me" } });
  await world.settle();
  const noKey = 'Secret "login" has no key "password", and the variable PASSWORD is taken from it.';
  assert.equal(ready(world), `False ReferenceMissing: ${noKey}`);
  const stringData = { password: "s3cret" };
  await world.client.put<Secret>({ ...world.get(SECRET, "login"), stringData });
  await world.settle();
  assert.equal(ready(world), "True");
});

test("a new ConfigMap wakes those Revisions that take all of its keys", async () => {
  await using world = await World.make();
  await apply(world, { container: { envFrom: [{ configMapRef: { name: "settings" } }] } });
  const why = 'ConfigMap "settings" not found, and envFrom asks for all of its keys.';
  assert.equal(ready(world), `False ReferenceMissing: ${why}`);
  await world.client.create<ConfigMap>({ ...headOf(CONFIG_MAP, "settings"), data: { A: "1" } });
  await world.settle();
  assert.equal(ready(world), "True");
});

test("a Pod shows whose instance it is, and what runs", async () => {
  await using world = await serving({ container: { env: [{ name: "A", value: "1" }] } });
  const [pod] = world.list(POD);
  const { uid } = world.get(REVISION, NAME).metadata;
  const { labels = {}, finalizers, ownerReferences } = pod?.metadata ?? {};
  assert.deepEqual(
    [labels["serving.knative.dev/revision"], labels["serving.knative.dev/revisionUID"]],
    [NAME, uid],
  );
  assert.deepEqual([finalizers, ownerReferences?.[0]?.name], [["varve.dev/pod"], NAME]);
  const [container] = pod?.spec.containers ?? [];
  assert.equal(container?.image, digestOf("example.com/hello:1"));
  assert.deepEqual(container?.env, [{ name: "A", value: "1" }]);
});

test("min-scale and max-scale say how many instances there are", async () => {
  await using world = await World.make();
  const scale = (min: string, max: string) => ({
    annotations: {
      "autoscaling.knative.dev/min-scale": min,
      "autoscaling.knative.dev/max-scale": max,
    },
  });
  await apply(world, { template: scale("3", "5") });
  assert.equal(world.runtime.of(BACKEND).length, 3);
  assert.equal(world.gateway.backends.get(BACKEND)?.endpoints.length, 3);
  assert.equal(world.get(REVISION, NAME).status?.desiredReplicas, 3);
  await apply(world, { template: scale("0", "2") });
  assert.equal(world.runtime.of("default/hello-00002").length, 1);
});

test("one that is passed over before it was ready is stopped", async () => {
  await using world = await World.make();
  world.runtime.behave(BACKEND, HANGS);
  await apply(world, {});
  await apply(world, { image: "example.com/hello:2" });
  assert.deepEqual(
    [world.runtime.of(BACKEND), ready(world)?.slice(0, 17)],
    [[], "Unknown NoTraffic"],
  );
  const labels = world.get(REVISION, NAME).metadata.labels ?? {};
  assert.equal(labels["serving.knative.dev/routingState"], "reserve");
});

test("one that is passed over is stopped though no Route ever asked for it", async () => {
  await using world = await World.make();
  for (const name of [NAME, "hello-00002"]) world.runtime.behave(`default/${name}`, HANGS);
  for (const image of ["example.com/hello:1", "example.com/hello:2"]) {
    await world.apply(CONFIGURATION, configurationOf("hello", { image }));
    // It may be looked at before the Configuration is, and must be again after it.
    await world.step(`Revision/${BACKEND}`);
    await world.settle();
  }
  assert.deepEqual(world.runtime.of(BACKEND), []);
  assert.equal(world.runtime.of("default/hello-00002").length, 1);
});

test("the instance that showed that a Revision works is the one that serves", async () => {
  await using world = await serving();
  await world.apply(SERVICE, serviceOf("hello", { image: "example.com/hello:2" }));
  for (const kind of ["Service", "Configuration"]) await world.step(`${kind}/default/hello`);
  // It is ready for long before its Configuration finds out, and with it the Route.
  for (let looks = 0; looks < 5; looks += 1) await world.step("Revision/default/hello-00002");
  assert.equal(told(world.get(REVISION, "hello-00002"))["Ready"], "True");
  await world.settle();
  const made = world.list(EVENT).filter(({ reason }) => reason === "SuccessfulCreate");
  assert.deepEqual(
    made.map(({ involvedObject, count }) => [involvedObject.name, count]),
    [
      [NAME, 1],
      ["hello-00002", 1],
    ],
  );
});

test("a new Revision is not taken for old before its Configuration has named it", async () => {
  await using world = await serving();
  await world.apply(SERVICE, serviceOf("hello", { image: "example.com/hello:2" }));
  await world.step("Service/default/hello");
  // The Configuration makes it, and is interrupted before it can say so.
  world.isInterrupted = () => world.find(REVISION, "hello-00002") !== undefined;
  await world.step("Configuration/default/hello");
  world.isInterrupted = () => false;
  await world.step("Revision/default/hello-00002");
  assert.match(told(world.get(REVISION, "hello-00002"))["Active"] ?? "", /^Unknown Queued/);
  await world.settle();
});

test("an instance ends only when the gateway has taken it out and its requests ended", async () => {
  await using world = await serving();
  const [{ spec: { name } = { name: "" } } = {}] = world.runtime.list();
  const request = world.gateway.begin(name);
  await apply(world, { image: "example.com/hello:2" });
  assert.deepEqual(world.gateway.backends.get(BACKEND)?.endpoints, []);
  assert.notEqual(world.runtime.get(name), undefined);
  const [pod] = world.list(POD).filter((it) => name.endsWith(it.metadata.name));
  assert.notEqual(pod?.metadata.deletionTimestamp, undefined);
  request[Symbol.dispose]();
  await world.settle();
  assert.equal(world.runtime.get(name), undefined);
  assert.equal(world.list(POD).length, 1);
});

test("a request that never ends holds an instance for as long as a request may take", async () => {
  await using world = await serving();
  const [{ spec: { name } = { name: "" } } = {}] = world.runtime.list();
  const request = world.gateway.begin(name);
  await apply(world, { image: "example.com/hello:2" });
  world.pass(299);
  await world.settle();
  assert.notEqual(world.runtime.get(name), undefined);
  request[Symbol.dispose]();
  await world.settle();
  assert.equal(world.runtime.get(name), undefined);
});

test("an instance that does not end is tried again, and its Pod stays until it has", async () => {
  await using world = await serving();
  world.runtime.isStuck = true;
  await apply(world, { image: "example.com/hello:2" });
  const [stuck] = world.runtime.of(BACKEND);
  const [event] = world.list(EVENT).filter(({ reason }) => reason === "InstanceNotEnded");
  assert.match(event?.message ?? "", /does not end$/);
  assert.equal(world.list(POD).length, 2);
  world.runtime.isStuck = false;
  world.pass(5);
  await world.settle();
  assert.equal(world.runtime.get(stuck?.spec.name ?? ""), undefined);
  assert.equal(world.list(POD).length, 1);
});

test("a Pod deleted while its instance is being started leaves no instance behind", async () => {
  await using world = await World.make();
  let isFirst = true;
  world.runtime.onWrite = async (verb, name) => {
    if (verb !== "run" || !isFirst) return;
    isFirst = false;
    const pod = world.get(POD, name.replace("default/", ""));
    await world.client.delete(pod);
    // Its finalizer goes before the instance comes, since there is none yet.
    await world.step(`Pod/${name}`);
  };
  await apply(world, {});
  const pods = world.list(POD).map(({ metadata }) => `default/${metadata.name}`);
  assert.equal(pods.length, 1);
  assert.deepEqual(
    world.runtime.list().map(({ spec }) => spec.name),
    pods,
  );
});

test("a Pod deleted while the gateway hears of it ends once it is taken out there", async () => {
  await using world = await World.make();
  let deleted = "";
  world.gateway.onPut = async ({ endpoints: [endpoint] }) => {
    if (endpoint === undefined || deleted !== "") return;
    deleted = endpoint.name;
    await world.client.delete(world.get(POD, deleted.replace("default/", "")));
  };
  await apply(world, {});
  assert.notEqual(deleted, "");
  assert.equal(world.runtime.get(deleted), undefined);
  assert.equal(world.list(POD).length, 1);
});

test("what was asked for and cannot be enforced here is a warning, and no failure", async () => {
  await using world = await World.make();
  world.runtime.behave(BACKEND, { caveats: ["the memory limit is not enforced: no cgroups"] });
  await apply(world, {});
  const { LimitsEnforced, Ready } = told(world.get(REVISION, NAME));
  const caveat = "False NotEnforced: the memory limit is not enforced: no cgroups";
  assert.deepEqual([LimitsEnforced, Ready], [caveat, "True"]);
});

async function serving(wish: Wish = {}): Promise<World> {
  const world = await World.make();
  await apply(world, wish);
  return world;
}

async function apply(world: World, wish: Wish): Promise<void> {
  await world.apply(SERVICE, serviceOf("hello", wish));
  await world.settle();
}

function headOf({ apiVersion, kind }: { apiVersion: string; kind: string }, name: string) {
  return { apiVersion, kind, metadata: { ...PLACE, name } };
}

function ready(world: World): string | undefined {
  return told(world.get(REVISION, NAME))["Ready"];
}
