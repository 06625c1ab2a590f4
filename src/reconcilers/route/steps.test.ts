import assert from "node:assert/strict";
import { test } from "node:test";
import { exited } from "../../../test/world/model_runtime.ts";
import { serviceOf, told } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { EVENT } from "../../api/event.ts";
import { REVISION } from "../../api/revision.ts";
import { ROUTE } from "../../api/route.ts";
import { SERVICE, type Service } from "../../api/service.ts";
import { durationClassOf } from "../../base/durations.ts";

const HOST = "hello.default.localhost";
const KEY = { namespace: "default", name: "hello" };
const STEPS = "varve.dev/rollout-steps";
const GATE = "varve.dev/rollout-gate";
const GATED = { [STEPS]: "5%:10s,50%" };
const BY_TIME = { [STEPS]: "10%:10s,50%:20s", [GATE]: "none" };

test("a rollout goes by steps, each for its time, and Ready does not wait", async () => {
  await using world = await serving(BY_TIME);
  await deploy(world, "2");
  assert.deepEqual(split(world), { "hello-00001": 90, "hello-00002": 10 });
  const { Ready, RolloutInProgress = "" } = told(world.get(ROUTE, "hello"));
  assert.equal(Ready, "True");
  assert.match(RolloutInProgress, /"hello-00002" has 10 of 100 %, step 1 of 2, next at 2026/);
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True");
  await pass(world, 9);
  assert.deepEqual(split(world), { "hello-00001": 90, "hello-00002": 10 });
  await pass(world, 1);
  assert.deepEqual(split(world), { "hello-00001": 50, "hello-00002": 50 });
  await pass(world, 20);
  assert.deepEqual(split(world), { "hello-00002": 100 });
  assert.equal(world.get(ROUTE, "hello").status?.rollouts, undefined);
  assert.deepEqual(happened(world), ["RolloutStarted", "RolloutStep", "RolloutCompleted"]);
});

test("steps that came due without us are made, and a restart loses nothing", async () => {
  await using world = await serving(BY_TIME);
  await deploy(world, "2");
  await using after = await world.again();
  await pass(after, 15);
  assert.deepEqual(split(after), { "hello-00001": 50, "hello-00002": 50 });
  await pass(after, 14);
  assert.deepEqual(split(after), { "hello-00001": 50, "hello-00002": 50 });
  await pass(after, 1);
  assert.deepEqual(split(after), { "hello-00002": 100 });
});

test("without enough traffic a gated rollout waits, and says how much is missing", async () => {
  await using world = await serving(GATED);
  await deploy(world, "2");
  await traffic(world, 10);
  await pass(world, 60);
  assert.deepEqual(split(world), { "hello-00001": 95, "hello-00002": 5 });
  const { RolloutInProgress = "", RolloutHealthy = "" } = told(world.get(ROUTE, "hello"));
  assert.match(RolloutInProgress, /not enough traffic: 10 requests and 190 of the old, of about/);
  assert.match(RolloutHealthy, /^Unknown NotEnoughTraffic: It cannot be said yet: 10 requests/);
});

test("with enough traffic a good revision goes on, and ends with all", async () => {
  await using world = await serving(GATED);
  await deploy(world, "2");
  await traffic(world, 600);
  assert.deepEqual(split(world), { "hello-00001": 95, "hello-00002": 5 }, "its time is not over");
  assert.match(told(world.get(ROUTE, "hello"))["RolloutHealthy"] ?? "", /^True Fine/);
  await pass(world, 10);
  assert.deepEqual(split(world), { "hello-00001": 50, "hello-00002": 50 });
  assert.equal(world.get(ROUTE, "hello").status?.rollouts?.[0]?.trial?.hasPassed, false);
  await traffic(world, 600);
  assert.deepEqual(split(world), { "hello-00002": 100 });
});

test("a revision that fails is sent back at once, with both figures, and stays so", async () => {
  await using world = await serving(GATED);
  await deploy(world, "2");
  await traffic(world, 40, { failed: 10 });
  assert.deepEqual(split(world), { "hello-00001": 100 });
  const said = told(world.get(ROUTE, "hello"));
  const figures = /"hello-00002" failed 25 % of 40 requests, "hello-00001" 0 % of 760 requests/;
  assert.match(said["RolloutHealthy"] ?? "", /^False ErrorRateWorse: /);
  assert.match(said["RolloutHealthy"] ?? "", figures);
  assert.match(told(world.get(SERVICE, "hello"))["Ready"] ?? "", /^False RolloutAborted/);
  assert.match(told(world.get(SERVICE, "hello"))["Ready"] ?? "", figures);
  const aborted = world.list(EVENT).find(({ reason }) => reason === "RolloutAborted");
  assert.match(aborted?.message ?? "", figures);
  assert.equal(
    world.get(REVISION, "hello-00002").metadata.annotations?.["varve.dev/rollout-instead"],
    "hello-00001",
  );
  await using after = await world.again();
  await pass(after, 3600);
  assert.deepEqual(split(after), { "hello-00001": 100 });
});

test("the same manifest again takes no abort back, and the next revision begins anew", async () => {
  await using world = await serving(GATED);
  await deploy(world, "2");
  await traffic(world, 40, { failed: 10 });
  const wish = { image: "example.com/hello:2", metadata: { annotations: GATED } };
  await world.apply(SERVICE, serviceOf("hello", wish));
  await world.settle();
  assert.deepEqual(split(world), { "hello-00001": 100 });
  await deploy(world, "3");
  assert.deepEqual(split(world), { "hello-00001": 95, "hello-00003": 5 });
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True");
});

test("a newer revision takes the place of one on its way, from the first step", async () => {
  await using world = await serving(BY_TIME);
  await deploy(world, "2");
  await pass(world, 10);
  assert.deepEqual(split(world), { "hello-00001": 50, "hello-00002": 50 });
  await deploy(world, "3");
  assert.deepEqual(split(world), { "hello-00001": 90, "hello-00003": 10 });
});

test("what is sent back keeps its tag, so that one can find out what was wrong", async () => {
  await using world = await serving(GATED);
  const service = await world.client.get(SERVICE, KEY);
  const targets = [{ latestRevision: true, percent: 100, tag: "newest" }];
  const spec = { ...service.spec, traffic: targets };
  await world.client.put<Service>({ ...service, spec });
  await world.settle();
  await deploy(world, "2");
  await traffic(world, 40, { failed: 10 });
  assert.deepEqual(split(world), { "hello-00001": 100 });
  assert.deepEqual(world.gateway.splitOf(`newest-${HOST}`), { "default/hello-00002": 100 });
  await note(world, "hello-00002", { "rollout-why": "SentBackByHand: by hand" });
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True");
});

test("a slow revision is sent back by its percentile", async () => {
  await using world = await serving(GATED);
  await deploy(world, "2");
  for (let second = 0; second < 20; second += 1) await traffic(world, 40, { ms: 400 });
  assert.deepEqual(split(world), { "hello-00001": 100 });
  const said = told(world.get(ROUTE, "hello"))["RolloutHealthy"] ?? "";
  assert.match(
    said,
    /^False LatencyWorse: .*p95 of "hello-00002" is 4\d\d ms .* "hello-00001" 2\d ms/,
  );
});

test("one that never answers is sent back by what stays open", async () => {
  await using world = await serving(GATED);
  await deploy(world, "2");
  for (let second = 0; second < 5; second += 1) await traffic(world, 40, { ended: 0 });
  assert.deepEqual(split(world), { "hello-00001": 100 });
  const said = told(world.get(ROUTE, "hello"))["RolloutHealthy"] ?? "";
  assert.match(
    said,
    /^False LatencyWorse: .*"hello-00002" has \d+ requests open .*"hello-00001" 0, of/,
  );
});

test("one that crashes on its way is sent back, with how many are ready of both", async () => {
  await using world = await serving(GATED);
  await deploy(world, "2");
  const lastExit = exited(1, "boom");
  world.runtime.behave("default/hello-00002", { phase: "waiting", lastExit });
  await pass(world, 1);
  await pass(world, 11);
  assert.deepEqual(split(world), { "hello-00001": 100 });
  const said = told(world.get(ROUTE, "hello"))["RolloutHealthy"] ?? "";
  assert.match(said, /^False NotReady: .*"hello-00002" 0 of 1, "hello-00001" 1 of 1/);
});

test("a rollout is paused and promoted by notes on the revision", async () => {
  await using world = await serving({ [STEPS]: "10%:manual,50%:10s", [GATE]: "none" });
  await deploy(world, "2");
  await pass(world, 3600);
  assert.deepEqual(split(world), { "hello-00001": 90, "hello-00002": 10 });
  assert.match(told(world.get(ROUTE, "hello"))["RolloutInProgress"] ?? "", /waits to be promoted/);
  await note(world, "hello-00002", { "rollout-promoted": "1", "rollout-paused": "true" });
  await pass(world, 3600);
  assert.deepEqual(split(world), { "hello-00001": 50, "hello-00002": 50 });
  assert.match(told(world.get(ROUTE, "hello"))["RolloutInProgress"] ?? "", /it is paused/);
  await note(world, "hello-00002", { "rollout-paused": null });
  await pass(world, 1);
  assert.deepEqual(split(world), { "hello-00002": 100 });
});

test("while a rollout lasts, who takes part in it may sleep, and is not stopped", async () => {
  await using world = await serving({ [STEPS]: "10%:manual", [GATE]: "none" });
  await deploy(world, "2");
  for (let minute = 0; minute < 60; minute += 1) await pass(world, 60);
  const frozen = () =>
    ["hello-00001", "hello-00002"].map((name) => world.get(REVISION, name).status?.frozenReplicas);
  assert.deepEqual(frozen(), [1, 1]);
  await note(world, "hello-00002", { "rollout-promoted": "all" });
  for (let minute = 0; minute < 60; minute += 1) await pass(world, 60);
  assert.deepEqual(frozen(), [undefined, undefined]);
});

test("a revision is sent back and brought back by hand, and Ready stays True", async () => {
  await using world = await serving(BY_TIME);
  await deploy(world, "2");
  await pass(world, 30);
  assert.deepEqual(split(world), { "hello-00002": 100 });
  world.gateway.isStartedLate = (id) => id === "default/hello-00001";
  await note(world, "hello-00002", { "rollout-instead": "hello-00001" });
  assert.deepEqual(split(world), { "hello-00001": 100 });
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True");
  await note(world, "hello-00002", { "rollout-instead": null });
  assert.deepEqual(split(world), { "hello-00001": 90, "hello-00002": 10 });
});

test("a revision that has no instance any more is gone back to at once", async () => {
  await using world = await serving({});
  await deploy(world, "2");
  await pass(world, 3600);
  assert.equal(world.get(REVISION, "hello-00001").status?.actualReplicas, 0);
  world.runtime.behave("default/hello-00001", { phase: "starting", message: "takes its time" });
  world.gateway.isStartedLate = (id) => id === "default/hello-00001";
  await note(world, "hello-00002", { "rollout-instead": "hello-00001" });
  assert.deepEqual(split(world), { "hello-00001": 100 });
  assert.equal(world.get(REVISION, "hello-00001").status?.desiredReplicas, 1, "it is started");
});

test("a rollout by time alone has a gate, too, when one is asked for", async () => {
  await using world = await serving({
    "serving.knative.dev/rollout-duration": "100s",
    [GATE]: "errors",
  });
  await deploy(world, "2");
  await pass(world, 30);
  await traffic(world, 100, { failed: 30 });
  assert.deepEqual(split(world), { "hello-00001": 100 });
});

async function serving(annotations: Record<string, string>): Promise<World> {
  const world = await World.make();
  await world.client.create(serviceOf("hello", { metadata: { annotations } }));
  await world.settle();
  return world;
}

async function deploy(world: World, version: string): Promise<void> {
  const service = await world.client.get(SERVICE, KEY);
  const containers = [{ image: `example.com/hello:${version}` }];
  const spec = { ...service.spec, template: { spec: { containers } } };
  await world.client.put<Service>({ ...service, spec });
  await world.settle();
}

async function note(world: World, name: string, notes: Record<string, string | null>) {
  const entries = Object.entries(notes).map(([key, value]) => [`varve.dev/${key}`, value]);
  const patch = { metadata: { annotations: Object.fromEntries(entries) } };
  await world.client.patch({ kind: REVISION, key: { namespace: "default", name } }, patch);
  await world.settle();
}

/** How the new revision behaves. */
interface Manner {
  readonly failed?: number;
  readonly ms?: number;
  readonly ended?: number;
}

/** Requests to the new revision, and nineteen times as many to the old one, within a second. */
async function traffic(
  world: World,
  requests: number,
  { failed = 0, ms = 20, ended = requests }: Manner = {},
): Promise<void> {
  const of = (count: number, bad: number, tookMs: number, done = count) => ({
    outcomes: {
      ...{ arrived: count, ended: done, failed: bad },
      durations: [durationClassOf(tookMs), done],
    },
    ...{ busyMs: count, requests: count },
  });
  const parts = 10;
  for (let part = 0; part < parts; part += 1) {
    const old = { backend: "default/hello-00001", ...of((requests * 19) / parts, 0, 20) };
    const now = {
      backend: "default/hello-00002",
      ...of(requests / parts, failed / parts, ms, ended / parts),
    };
    world.gateway.load(old, now);
  }
  await pass(world, 1);
}

async function pass(world: World, seconds: number): Promise<void> {
  world.pass(seconds);
  await world.settle();
}

function happened(world: World): readonly (string | undefined)[] {
  return world
    .list(EVENT)
    .map(({ reason }) => reason)
    .filter((reason) => reason?.startsWith("Rollout"));
}

function split(world: World): Record<string, number> {
  const shares = Object.entries(world.gateway.splitOf(HOST) ?? {});
  return Object.fromEntries(shares.map(([id, percent]) => [id.replace("default/", ""), percent]));
}
