import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../test/world/model_images.ts";
import { exited } from "../../../test/world/model_runtime.ts";
import { serviceOf, since } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { NOW } from "../../../test/world/world_clock.ts";
import { failed, ok } from "../../api/condition.ts";
import { EVENT } from "../../api/event.ts";
import { POD, type Pod } from "../../api/pod.ts";
import { SERVICE } from "../../api/service.ts";
import type { Exit } from "../../runtime/runtime.ts";

const BACKEND = "default/hello-00001";
const IMAGE = digestOf("example.com/hello:1");
const IDENTITY = { name: "user-container", image: IMAGE, imageID: IMAGE };
const HANGS = { phase: "starting", message: "nothing listens yet" } as const;
const UP = since(ok("PodScheduled"), ok("Initialized"), ok("ContainersReady"), ok("Ready"));

test("an instance that serves is a Pod that is ready", async () => {
  await using world = await running();
  assert.deepEqual(podOf(world).status, {
    observedGeneration: 1,
    phase: "Running",
    conditions: UP,
    hostIP: "127.0.0.1",
    hostIPs: [{ ip: "127.0.0.1" }],
    podIP: "127.0.0.1",
    podIPs: [{ ip: "127.0.0.1" }],
    ports: [{ containerPort: 8080, hostPort: 20_001, protocol: "TCP" }],
    qosClass: "BestEffort",
    startTime: NOW,
    containerStatuses: [
      {
        ...IDENTITY,
        containerID: `varve://default/${podOf(world).metadata.name}`,
        state: { running: { startedAt: NOW } },
        ...{ ready: true, started: true, restartCount: 0 },
      },
    ],
  });
});

test("an instance that is starting is a Pod that runs and is not ready", async () => {
  await using world = await running(HANGS);
  const { status } = podOf(world);
  const why = failed("ContainersNotReady", "nothing listens yet");
  assert.deepEqual(
    status?.conditions,
    since(
      ok("PodScheduled"),
      ok("Initialized"),
      { ...why, type: "ContainersReady" },
      { ...why, type: "Ready" },
    ),
  );
  const [container] = status?.containerStatuses ?? [];
  assert.deepEqual([status?.phase, container?.started], ["Running", false]);
});

test("an instance waiting for a start is in CrashLoopBackOff, and says how it ended", async () => {
  const lastExit = exited(3, "no database");
  await using world = await running({ phase: "waiting", message: "again in 10 s", lastExit });
  const [container] = podOf(world).status?.containerStatuses ?? [];
  assert.deepEqual(container, {
    ...IDENTITY,
    containerID: `varve://default/${podOf(world).metadata.name}`,
    state: { waiting: { reason: "CrashLoopBackOff", message: "again in 10 s" } },
    lastState: {
      terminated: { exitCode: 3, reason: "Error", message: "no database", finishedAt: NOW },
    },
    ...{ ready: false, started: false, restartCount: 0 },
  });
});

const LAST = exited(3, "at main.js:3");
const DONE = exited(0, "bye");
const ENDS = [
  { policy: "File", exit: { ...LAST, message: "no database\n" }, says: "no database\n" },
  { policy: "File", exit: { ...LAST, message: "" }, says: undefined },
  { policy: "File", exit: { ...DONE, message: "all done" }, says: "all done" },
  { policy: "File", exit: LAST, says: "at main.js:3" },
  { policy: undefined, exit: { ...LAST, message: "no database" }, says: "no database" },
  { policy: undefined, exit: { ...LAST, message: "" }, says: "at main.js:3" },
  { policy: undefined, exit: { ...DONE, message: "" }, says: undefined },
  { policy: undefined, exit: DONE, says: undefined },
  { policy: undefined, exit: { ...LAST, code: 0, reason: "Unhealthy" }, says: "at main.js:3" },
] as const;

for (const { policy, exit, says } of ENDS) {
  const { reason, code, message } = exit as Exit;
  const left = message === undefined ? "no file" : JSON.stringify(message);
  test(`by ${policy ?? "default"}, ${reason} ${code} with ${left} is told by ${says}`, async () => {
    const container = policy && { terminationMessagePolicy: policy };
    await using world = await running({ phase: "waiting", lastExit: exit }, container);
    const [{ lastState } = {}] = podOf(world).status?.containerStatuses ?? [];
    assert.equal(lastState?.terminated?.message, says);
  });
}

test("a Pod makes no Events of its own, for the Revision tells", async () => {
  await using world = await running({ phase: "waiting", lastExit: exited(3, "no database") });
  const kinds = world.list(EVENT).map(({ involvedObject }) => involvedObject.kind);
  assert.equal(kinds.includes("Pod"), false);
  assert.equal(kinds.includes("Revision"), true);
});

for (const { title, state, says } of [
  {
    title: "waits for its turn",
    state: { phase: "Pending" },
    says: ["Pending", { waiting: { reason: "BuildPending" } }],
  },
  {
    title: "is running",
    state: { phase: "Building", step: "npm ci", startedAt: NOW },
    says: ["Running", { running: { startedAt: NOW } }],
  },
  {
    title: "failed",
    state: { phase: "Failed", reason: "SourceMissing", message: "no such branch", startedAt: NOW },
    says: [
      "Failed",
      {
        terminated: {
          ...{ exitCode: 1, reason: "SourceMissing", message: "no such branch" },
          ...{ startedAt: NOW, finishedAt: NOW },
        },
      },
    ],
  },
] as const) {
  test(`a build that ${title} is a Pod too`, async () => {
    await using world = await World.make();
    const template = { annotations: { "varve.dev/source": "https://example.com/hello.git" } };
    await world.apply(SERVICE, serviceOf("hello", { image: "", template }));
    await world.settle();
    world.builder.report(BACKEND, state);
    await world.settle();
    const { status } = world.get(POD, "hello-00001-build");
    assert.deepEqual([status?.phase, status?.containerStatuses?.[0]?.state], says);
  });
}

test("users make no Pods and change none", async () => {
  await using world = await running();
  const pod = podOf(world);
  const why = "Pods show the instances of Revisions; change the Service to have others";
  const message = `pods "${pod.metadata.name}" is forbidden: ${why}`;
  await assert.rejects(world.client.put({ ...pod, spec: { containers: [] } }), { message });
  const metadata = { namespace: "default", name: pod.metadata.name };
  await assert.rejects(world.client.create({ ...pod, metadata }), { message });
});

async function running(behaviour = {}, container = {}): Promise<World> {
  const world = await World.make();
  world.runtime.behave(BACKEND, behaviour);
  await world.apply(SERVICE, serviceOf("hello", { container }));
  await world.settle();
  return world;
}

function podOf(world: World): Pod {
  const [pod] = world.list(POD);
  assert(pod !== undefined);
  return pod;
}
