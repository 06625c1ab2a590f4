import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceOf, told } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { CONFIG_MAP, type ConfigMap } from "../../api/config_map.ts";
import type { Container } from "../../api/container.ts";
import { POD } from "../../api/pod.ts";
import { REVISION } from "../../api/revision.ts";
import { SECRET, type Secret } from "../../api/secret.ts";
import { SERVICE } from "../../api/service.ts";

const CONTAINER: Container = {
  env: [{ name: "PASSWORD", valueFrom: { secretKeyRef: { name: "db", key: "password" } } }],
  envFrom: [
    { configMapRef: { name: "app" } },
    { secretRef: { name: "more", optional: true }, prefix: "MORE_" },
  ],
};

test("P-11: a changed Secret changes no instance, running or started later", async () => {
  await using world = await serving();
  assert.deepEqual(environments(world), [["first", "red", undefined]]);
  await change(world);
  for (const pod of world.list(POD)) await world.client.delete(pod);
  await world.settle();
  assert.deepEqual(environments(world), [["first", "red", undefined]]);
  const container = { ...CONTAINER, workingDir: "/" };
  await world.apply(SERVICE, serviceOf("hello", { container }));
  await world.settle();
  assert.deepEqual(environments(world).toSorted(), [["second", "blue", "yes"]]);
});

test("P-11: a revision keeps copies, which go with it and say of what they are", async () => {
  await using world = await serving();
  const { identity } = world.get(REVISION, "hello-00001").status ?? {};
  assert.match(identity?.digest ?? "", /^sha256:[0-9a-f]{64}$/);
  assert.deepEqual(
    identity?.references?.map(({ kind, name, digest }) => [kind, name, digest !== undefined]),
    [
      ["ConfigMap", "app", true],
      ["Secret", "db", true],
      ["Secret", "more", false],
    ],
  );
  const copies = copiesIn(world);
  assert.deepEqual(
    copies.map(({ metadata }) => metadata.annotations?.["varve.dev/snapshot-of"]).toSorted(),
    ["ConfigMap/app", "Secret/db"],
  );
  assert(copies.every(({ immutable }) => immutable === true));
  await world.client.delete(world.get(SERVICE, "hello"));
  await world.settle();
  assert.deepEqual(copiesIn(world), []);
});

test("P-11: an identity is told once, and a restart makes no further copy", async () => {
  await using world = await serving();
  const before = world.get(REVISION, "hello-00001").status?.identity;
  await change(world);
  await using after = await world.again();
  await after.settle();
  assert.deepEqual(after.get(REVISION, "hello-00001").status?.identity, before);
  assert.equal(copiesIn(after).length, 2);
});

test("P-11: what is missing is waited for, and copied when it is there", async () => {
  await using world = await World.make();
  await world.client.create(serviceOf("hello", { container: CONTAINER }));
  await world.settle();
  assert.match(told(world.get(REVISION, "hello-00001"))["Ready"] ?? "", /ReferenceMissing/);
  assert.deepEqual(copiesIn(world), []);
  await say(world, { password: "late", colour: "red" });
  await world.settle();
  assert.deepEqual(environments(world), [["late", "red", undefined]]);
  assert.equal(copiesIn(world).length, 2);
});

test("P-11: who asks for it gets what is there when an instance starts", async () => {
  await using world = await World.make();
  await say(world, { password: "first", colour: "red" });
  const template = { annotations: { "varve.dev/follow-references": "true" } };
  await world.client.create(serviceOf("hello", { container: CONTAINER, template }));
  await world.settle();
  assert.deepEqual(copiesIn(world), []);
  await change(world);
  for (const pod of world.list(POD)) await world.client.delete(pod);
  await world.settle();
  assert.deepEqual(environments(world), [["second", "blue", "yes"]]);
});

test("P-11: without its copies nothing is started, and it is said what to do", async () => {
  await using world = await serving();
  for (const copy of copiesIn(world)) await world.client.delete(copy);
  await world.settle();
  assert.equal(told(world.get(REVISION, "hello-00001"))["Ready"], "True", "it serves");
  for (const pod of world.list(POD)) await world.client.delete(pod);
  await world.settle();
  const said = told(world.get(REVISION, "hello-00001"))["Ready"] ?? "";
  assert.match(said, /^False SnapshotMissing: .*of Secret "db" was deleted.* Deploy once more/);
});

test("P-5: the same template, and other bounds of scaling, make no revision", async () => {
  await using world = await serving();
  await world.apply(SERVICE, serviceOf("hello", { container: CONTAINER }));
  const annotations = { "varve.dev/min-scale": "2", "varve.dev/max-scale": "5" };
  await world.apply(
    SERVICE,
    serviceOf("hello", { container: CONTAINER, metadata: { annotations } }),
  );
  await world.settle();
  assert.deepEqual(
    world.list(REVISION).map(({ metadata }) => metadata.name),
    ["hello-00001"],
  );
  assert.equal(world.get(REVISION, "hello-00001").status?.desiredReplicas, 2);
});

/** A world in which a revision serves that takes values from a ConfigMap and a Secret. */
async function serving(): Promise<World> {
  const world = await World.make();
  await say(world, { password: "first", colour: "red" });
  await world.client.create(serviceOf("hello", { container: CONTAINER }));
  await world.settle();
  return world;
}

async function change(world: World): Promise<void> {
  await say(world, { password: "second", colour: "blue" });
  const metadata = { namespace: "default", name: "more" };
  await world.client.create<Secret>({
    ...{ apiVersion: "v1", kind: "Secret", metadata },
    stringData: { KEY: "yes" },
  });
  await world.settle();
}

async function say(world: World, { password, colour }: { password: string; colour: string }) {
  const meta = (name: string) => ({ namespace: "default", name });
  await world.apply<Secret>(SECRET, {
    ...{ apiVersion: "v1", kind: "Secret", metadata: meta("db") },
    stringData: { password },
  });
  await world.apply<ConfigMap>(CONFIG_MAP, {
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: meta("app") },
    data: { COLOUR: colour },
  });
}

function environments(world: World): readonly (readonly (string | undefined)[])[] {
  const all = world.runtime.list().map(({ spec }) => spec.env);
  return all.map(({ PASSWORD, COLOUR, MORE_KEY }) => [PASSWORD, COLOUR, MORE_KEY]);
}

function copiesIn(world: World): readonly (Secret | ConfigMap)[] {
  const all: readonly (Secret | ConfigMap)[] = [...world.list(SECRET), ...world.list(CONFIG_MAP)];
  return all.filter(({ metadata }) => metadata.ownerReferences?.[0]?.kind === "Revision");
}
