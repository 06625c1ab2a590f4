import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceOf, told, type Wish } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { POD } from "../../api/pod.ts";
import { REVISION } from "../../api/revision.ts";
import { SERVICE } from "../../api/service.ts";

const NAME = "hello-00001";
const BACKEND = `default/${NAME}`;
const HOST = "hello.default.localhost";
const HANGS = { phase: "starting", message: "nothing listens yet" } as const;
const IDLE = "False NoTraffic: The target is not receiving traffic.";
const WAITING =
  "Unknown Queued: Requests to the target are being buffered as resources are provisioned.";

test("ERR-12: one that nobody asks for is frozen after the window, and then stopped", async () => {
  await using world = await serving();
  await pass(world, 58);
  assert.deepEqual(seen(world), { active: "True", desired: 1, actual: 1, phases: ["ready"] });
  await pass(world, 4);
  const frozen = { active: IDLE, desired: 0, actual: 0, frozen: 1, phases: ["frozen"] };
  assert.deepEqual(seen(world), frozen);
  assert.deepEqual(world.gateway.backends.get(BACKEND)?.endpoints, []);
  const [pod] = world.list(POD);
  assert.deepEqual([pod?.status?.reason, pod?.status?.phase], ["Frozen", "Running"]);
  await pass(world, 600);
  assert.deepEqual(seen(world), { active: IDLE, desired: 0, actual: 0, phases: [] });
  assert.deepEqual(world.list(POD), []);
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True");
  assert.deepEqual(world.gateway.splitOf(HOST), { [BACKEND]: 100 });
});

test("ERR-14: a request that waits thaws what is frozen, and it is the same instance", async () => {
  await using world = await serving();
  const before = world.runtime.list();
  await pass(world, 62);
  world.gateway.wait(BACKEND);
  await world.settle();
  assert.deepEqual(seen(world), { active: "True", desired: 1, actual: 1, phases: ["ready"] });
  assert.deepEqual(world.runtime.list(), before);
  assert.equal(world.get(REVISION, NAME).status?.coldStart?.from, "frozen");
  assert.equal(world.gateway.backends.get(BACKEND)?.endpoints.length, 1);
});

test("what the gateway may thaw it is told, and what it has thawed is said of it", async () => {
  await using world = await serving();
  const [before] = world.runtime.list();
  await pass(world, 62);
  const [frozen] = world.gateway.backends.get(BACKEND)?.frozen ?? [];
  assert.equal(frozen?.name, before?.spec.name);
  assert.equal(frozen?.thaw.path, world.runtime.list()[0]?.thaw?.path);
  world.gateway.wake(BACKEND, 0.4);
  await world.settle();
  assert.deepEqual(seen(world).phases, ["frozen"], "who serves can wait to be looked at");
  await pass(world, 1);
  assert.deepEqual(seen(world), { active: "True", desired: 1, actual: 1, phases: ["ready"] });
  assert.deepEqual(world.runtime.list(), [before]);
  const { coldStart } = world.get(REVISION, NAME).status ?? {};
  assert.deepEqual([coldStart?.from, coldStart?.totalMs], ["frozen", 0.4]);
  const { endpoints, frozen: none } = world.gateway.backends.get(BACKEND) ?? {};
  assert.deepEqual([endpoints?.length, none], [1, undefined]);
  await pass(world, 10);
  assert.deepEqual(seen(world).phases, ["ready"], "it has a whole window again");
});

test("what the gateway has thawed on its last way is not stopped under its requests", async () => {
  await using world = await serving();
  const [instance] = world.runtime.list();
  await pass(world, 662 - 2);
  using _open = world.gateway.begin(instance?.spec.name ?? "");
  world.gateway.wake(BACKEND, 0.4);
  await pass(world, 10);
  assert.deepEqual(seen(world).phases, ["ready"]);
  assert.deepEqual(world.runtime.faults, []);
});

/** One that was stopped, and does not come up though a request waits for it. */
async function starting(): Promise<World> {
  const world = await serving();
  await pass(world, 62);
  await pass(world, 600);
  world.runtime.behave(BACKEND, HANGS);
  world.gateway.wait(BACKEND);
  await world.settle();
  return world;
}

test("ERR-13: a request that waits for one that is stopped starts it, and says so", async () => {
  await using world = await starting();
  assert.deepEqual(seen(world), { active: WAITING, desired: 1, actual: 0, phases: ["starting"] });
  assert.equal(told(world.get(REVISION, NAME))["Ready"], "True", "it was ready, and will be");
  world.pass(1.5);
  const start = { unpackMs: 100, startMs: 200, readyMs: 1000 };
  world.runtime.behave(BACKEND, { phase: "ready", start });
  await world.settle();
  assert.deepEqual(seen(world), { active: "True", desired: 1, actual: 1, phases: ["ready"] });
  const { coldStart } = world.get(REVISION, NAME).status ?? {};
  const parts = { ...start, scheduleMs: 200, totalMs: 1500 };
  assert.deepEqual(coldStart, { from: "stopped", at: world.context.clock.timestamp(), ...parts });
});

test("a cold start counts from who has waited since, not from who left", async () => {
  await using world = await starting();
  // That one has gone. The next is told of every second, as long as it waits.
  world.pass(100);
  for (let second = 0; second < 5; second += 1) {
    world.gateway.wait(BACKEND);
    await pass(world, 1);
  }
  const start = { unpackMs: 100, startMs: 200, readyMs: 700 };
  world.runtime.behave(BACKEND, { phase: "ready", start });
  await world.settle();
  const { at: _, ...told } = world.get(REVISION, NAME).status?.coldStart ?? {};
  assert.deepEqual(told, { from: "stopped", ...start, scheduleMs: 4000, totalMs: 5000 });
});

test("§12.2: what cannot be started again is given up when nobody asks any more", async () => {
  await using world = await starting();
  await pass(world, 628);
  assert.equal(seen(world).desired, 1);
  await pass(world, 4);
  assert.deepEqual(seen(world), { active: IDLE, desired: 0, actual: 0, phases: [] });
  const { ResourcesAvailable: is = "" } = told(world.get(REVISION, NAME));
  assert.match(is, /^False ProgressDeadlineExceeded/);
  world.runtime.behave(BACKEND, { phase: "ready" });
  world.gateway.wait(BACKEND);
  await world.settle();
  assert.equal(told(world.get(REVISION, NAME))["Ready"], "True", "the next request tries again");
});

test("it has as many instances as the load needs, within its bounds", async () => {
  const scale = { "max-scale": "8", target: "10", "target-utilization-percentage": "100" };
  await using world = await serving(scaled(scale));
  await load(world, 35, 20);
  assert.equal(seen(world).actual, 4);
  await load(world, 500, 10);
  assert.deepEqual([seen(world).actual, seen(world).desired], [8, 8]);
  await load(world, 5, 200);
  assert.equal(seen(world).actual, 1);
  assert.deepEqual(world.list(POD).length, 1);
});

test("by requests a second as well, and those that are long are not idle", async () => {
  await using world = await serving(scaled({ metric: "rps", target: "100" }));
  for (let second = 0; second < 20; second += 1) {
    world.gateway.load({ backend: BACKEND, busyMs: 1, requests: 210 });
    await pass(world, 1);
  }
  assert.equal(seen(world).actual, 3);
  for (let second = 0; second < 200; second += 1) {
    world.gateway.load({ backend: BACKEND, busyMs: 1000, requests: 0 });
    await pass(world, 1);
  }
  assert.deepEqual(seen(world), { active: "True", desired: 1, actual: 1, phases: ["ready"] });
});

test("an instance that is one too many ends only when its requests have", async () => {
  await using world = await serving(scaled({ target: "10" }));
  await load(world, 14, 20);
  const open = world.runtime.list().map(({ spec }) => world.gateway.begin(spec.name));
  await load(world, 1, 120);
  assert.equal(world.gateway.backends.get(BACKEND)?.endpoints.length, 1);
  assert.equal(world.runtime.list().length, 2, "its request is still open");
  for (const request of open) request[Symbol.dispose]();
  await world.settle();
  assert.equal(world.runtime.list().length, 1);
});

test("nothing is frozen while it is asked for: the wake overtakes the way down", async () => {
  await using world = await serving();
  const [instance] = world.runtime.list();
  using open = world.gateway.begin(instance?.spec.name ?? "");
  await pass(world, 62);
  assert.deepEqual(seen(world), { active: IDLE, desired: 0, actual: 0, phases: ["ready"] });
  world.gateway.wait(BACKEND);
  await world.settle();
  open[Symbol.dispose]();
  await world.settle();
  assert.deepEqual(seen(world), { active: "True", desired: 1, actual: 1, phases: ["ready"] });
});

test("when memory is short, what is frozen is stopped at once", async () => {
  await using world = await serving();
  await pass(world, 62);
  world.freeMemory = 0.05;
  await pass(world, 2);
  assert.deepEqual(seen(world), { active: IDLE, desired: 0, actual: 0, phases: [] });
});

test("one is never idle that must have some, or that is of Kubernetes' class", async () => {
  for (const scale of [{ "min-scale": "2" }, { class: "hpa.autoscaling.knative.dev" }]) {
    await using world = await serving(scaled(scale));
    await pass(world, 62);
    await pass(world, 4000);
    const desired = "min-scale" in scale ? 2 : 1;
    assert.deepEqual([seen(world).desired, seen(world).actual], [desired, desired]);
  }
});

test("the class hpa goes by what instances use beside what they asked for", async () => {
  const scale = { class: "hpa.autoscaling.knative.dev", target: "50", "max-scale": "3" };
  const container = { resources: { requests: { cpu: "500m" } } };
  await using world = await serving({ ...scaled(scale), container });
  const { clock } = world.context;
  const began = clock.elapsed();
  // Each has half a core to go by, should use half of it, and uses twice that.
  const usageOf = () => ({ cpuNs: (clock.elapsed() - began) * 1e6 * 0.5, memoryBytes: 1 });
  world.runtime.usageOf = usageOf;
  for (let at = 0; at < 40; at += 1) await pass(world, 2);
  assert.equal(seen(world).actual, 3);
});

test("P-5: the Service's own bounds count at once, and make no Revision", async () => {
  await using world = await serving();
  await pass(world, 62);
  const annotations = { "varve.dev/min-scale": "3" };
  await world.apply(SERVICE, serviceOf("hello", { metadata: { annotations } }));
  await world.settle();
  await pass(world, 2);
  const names = world.list(REVISION).map(({ metadata }) => metadata.name);
  assert.deepEqual([names, seen(world).actual], [[NAME], 3]);
});

test("§4.12: it is ready when its initial scale was reached, and not before", async () => {
  await using world = await World.make();
  world.runtime.behave(BACKEND, HANGS);
  await world.apply(SERVICE, serviceOf("hello", scaled({ "initial-scale": "3" })));
  await world.settle();
  assert.equal(world.runtime.list().length, 3);
  world.runtime.behaveOne(world.runtime.list()[0]?.spec.name ?? "", { phase: "ready" });
  await world.settle();
  const { Ready: is } = told(world.get(REVISION, NAME));
  assert.equal(is, "Unknown Deploying: 1 of 3 instances are ready");
  world.runtime.behave(BACKEND, { phase: "ready" });
  await world.settle();
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True");
});

test("after a restart of control what was frozen is frozen, and what served serves", async () => {
  await using world = await serving(scaled({ target: "10" }));
  await load(world, 20, 10);
  const { actual } = seen(world);
  await using second = await world.again();
  await second.settle();
  assert.deepEqual([seen(second).actual, actual], [3, 3]);
  await pass(second, 64);
  await pass(second, 2);
  assert.deepEqual(seen(second).phases, ["frozen"]);
  await using third = await second.again();
  await third.settle();
  assert.deepEqual(seen(third).phases, ["frozen"]);
  third.gateway.wait(BACKEND);
  await third.settle();
  assert.deepEqual(seen(third).phases, ["ready"]);
});

test("a Route that goes back to one that rests has it started first", async () => {
  await using world = await serving();
  await world.apply(SERVICE, serviceOf("hello", { image: "example.com/hello:2" }));
  await world.settle();
  assert.deepEqual(world.gateway.splitOf(HOST), { "default/hello-00002": 100 });
  await pass(world, 62);
  await pass(world, 600);
  assert.deepEqual(world.runtime.list(), []);
  const traffic = [{ revisionName: NAME, percent: 100 }];
  await world.apply(SERVICE, serviceOf("hello", { image: "example.com/hello:2", traffic }));
  await world.settle();
  assert.deepEqual(world.gateway.splitOf(HOST), { [BACKEND]: 100 });
  assert.equal(world.gateway.backends.get(BACKEND)?.endpoints.length, 1);
});

function seen(world: World) {
  const { status } = world.get(REVISION, NAME);
  const { actualReplicas: actual, desiredReplicas: desired, frozenReplicas: frozen } = status ?? {};
  const phases = world.runtime.of(BACKEND).map(({ phase }) => phase);
  const { Active: active } = told(world.get(REVISION, NAME));
  return { active, desired, actual, ...(frozen !== undefined && { frozen }), phases };
}

function scaled(settings: Readonly<Record<string, string>>): Wish {
  const entries = Object.entries(settings).map(([name, value]) => {
    return [`autoscaling.knative.dev/${name}`, value];
  });
  return { template: { annotations: Object.fromEntries(entries) } };
}

async function serving(wish: Wish = {}): Promise<World> {
  const world = await World.make();
  await world.apply(SERVICE, serviceOf("hello", wish));
  await world.settle();
  return world;
}

async function pass(world: World, seconds: number): Promise<void> {
  world.pass(seconds);
  await world.settle();
}

/** So many requests are open for so long. */
async function load(world: World, open: number, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    world.gateway.load({ backend: BACKEND, busyMs: open * 1000, requests: 0 });
    await pass(world, 1);
  }
}

test("the operator's settings count at once, and bad ones are refused", async () => {
  await using world = await serving();
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "varve-system" } };
  await world.client.create(namespace);
  const metadata = { namespace: "varve-system", name: "config-autoscaler" };
  const config = (data: Readonly<Record<string, string>>) => {
    return { apiVersion: "v1", kind: "ConfigMap", metadata, data };
  };
  await assert.rejects(world.client.create(config({ "stable-window": "1s" })), /stable-window is/);
  const data = { "frozen-for": "0s", "allow-zero-initial-scale": "true", "max-scale-limit": "5" };
  await world.client.create(config(data));
  await pass(world, 64);
  await pass(world, 2);
  assert.deepEqual(seen(world).phases, [], "it was stopped without having been frozen");
  await assert.rejects(
    world.client.create(serviceOf("more", scaled({ "max-scale": "6" }))),
    /expected 1 <= 6 <= 5: spec.template.metadata.annotations\[autoscaling.knative.dev\/max-scale/,
  );
  world.gateway.isStartedLate = (backend) => backend === "default/late-00001";
  await world.client.create(serviceOf("late", scaled({ "initial-scale": "0" })));
  await world.settle();
  assert.equal(told(world.get(SERVICE, "late"))["Ready"], "True");
  assert.deepEqual(world.runtime.of("default/late-00001"), []);
  world.gateway.wait("default/late-00001");
  await world.settle();
  assert.equal(world.runtime.of("default/late-00001").length, 1);
});

test("a bad setting on the Service is refused, with its name and its rule", async () => {
  await using world = await World.make();
  const of = (annotations: Readonly<Record<string, string>>) =>
    world.client.create(serviceOf("hello", { metadata: { annotations } }));
  await assert.rejects(of({ "varve.dev/min-scale": "many" }), /varve.dev\/min-scale/);
  await assert.rejects(
    of({ "varve.dev/min-scale": "3", "varve.dev/max-scale": "2" }),
    /max-scale=2 is less than min-scale=3/,
  );
  await assert.rejects(of({ "varve.dev/frozen-for": "-1s" }), /expected 0s <= -1s <= 720h/);
});
