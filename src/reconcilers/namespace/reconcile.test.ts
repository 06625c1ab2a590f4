import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceOf, since } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { CONFIG_MAP, type ConfigMap } from "../../api/config_map.ts";
import { KINDS } from "../../api/kinds.ts";
import { NAMESPACE } from "../../api/namespace.ts";
import { SERVICE } from "../../api/service.ts";

test("a namespace is active, and says so", async () => {
  await using world = await World.make();
  const { metadata, spec, status } = world.get(NAMESPACE, "default");
  assert.deepEqual(metadata.finalizers, ["varve.dev/namespace"]);
  assert.deepEqual(spec, { finalizers: ["kubernetes"] });
  assert.deepEqual(status, { phase: "Active", observedGeneration: 1, conditions: [] });
});

test("a namespace that is deleted takes all that is in it along, and is gone then", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("hello"));
  await world.apply(SERVICE, serviceOf("other"));
  await world.client.create<ConfigMap>(configMap());
  await world.settle();
  await world.client.delete(world.get(NAMESPACE, "default"));
  await world.settle();
  assert.deepEqual(
    KINDS.flatMap((kind) => world.list(kind)),
    [],
  );
  const { routes, backends } = world.gateway;
  assert.deepEqual([routes.size, backends.size, world.runtime.list()], [0, 0, []]);
});

test("while something is left in it, it says what it waits for, and takes in no more", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("hello"));
  await world.settle();
  const request = world.gateway.begin(world.runtime.list()[0]?.spec.name ?? "");
  await world.client.delete(world.get(NAMESPACE, "default"));
  await world.settle();
  const remaining = { type: "NamespaceContentRemaining", status: "True" } as const;
  const reason = "SomeResourcesRemain";
  assert.deepEqual(world.get(NAMESPACE, "default").status, {
    phase: "Terminating",
    observedGeneration: 1,
    conditions: since({ ...remaining, reason, message: "Waiting for 1 pods, 1 revisions" }),
  });
  await assert.rejects(world.client.create<ConfigMap>(configMap()), {
    message:
      'configmaps "settings" is forbidden: unable to create new content in namespace default ' +
      "because it is being terminated",
  });
  request[Symbol.dispose]();
  await world.settle();
  assert.equal(world.find(NAMESPACE, "default"), undefined);
});

test("what is in another namespace stays", async () => {
  await using world = await World.make();
  const { apiVersion, kind } = NAMESPACE;
  await world.client.create({ apiVersion, kind, metadata: { name: "other" } });
  const { spec, ...service } = serviceOf("hello");
  await world.client.create({ ...service, spec, metadata: { name: "hello", namespace: "other" } });
  await world.settle();
  await world.client.delete(world.get(NAMESPACE, "default"));
  await world.settle();
  assert.deepEqual(
    [...world.gateway.routes.keys(), ...world.list(NAMESPACE).map((it) => it.metadata.name)],
    ["other/hello", "other"],
  );
});

function configMap() {
  const { apiVersion, kind } = CONFIG_MAP;
  return { apiVersion, kind, metadata: { namespace: "default", name: "settings" } };
}
