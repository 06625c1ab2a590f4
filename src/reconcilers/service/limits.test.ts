import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceOf, told } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { CONFIG_MAP, type ConfigMap } from "../../api/config_map.ts";
import { CONFIGURATION } from "../../api/configuration.ts";
import { NAMESPACE } from "../../api/namespace.ts";
import { REVISION } from "../../api/revision.ts";
import { SERVICE } from "../../api/service.ts";

test("O-2: an operator says how long requests may last at most, and how many at once", async () => {
  await using world = await World.make();
  const { client } = world;
  const { apiVersion, kind } = NAMESPACE;
  await client.create({ apiVersion, kind, metadata: { name: "varve-system" } });
  const metadata = { namespace: "varve-system", name: "config-defaults" };
  const config = (data: Readonly<Record<string, string>>) => {
    return { apiVersion: CONFIG_MAP.apiVersion, kind: CONFIG_MAP.kind, metadata, data };
  };
  const keys = ["max-revision-timeout-seconds", "container-concurrency-max-limit"] as const;
  await assert.rejects(client.create(config({ [keys[0]]: "1h" })), /want a whole number from 300/);
  await client.create(config({ [keys[0]]: "3600", [keys[1]]: "5000" }));

  const draft = serviceOf("hello");
  const spec = { ...draft.spec.template?.spec, timeoutSeconds: 3600, containerConcurrency: 5000 };
  await client.create({ ...draft, spec: { template: { spec } } });
  await world.settle();
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True");
  assert.equal(world.get(REVISION, "hello-00001").spec.timeoutSeconds, 3600);
  const { timeoutMs, concurrency } =
    world.gateway.backends.get("default/hello-00001")?.limits ?? {};
  assert.deepEqual([timeoutMs, concurrency], [3_600_000, 5000]);

  await client.patch({ kind: CONFIG_MAP, key: metadata }, { data: { [keys[0]]: "600" } });
  const stored = world.get(SERVICE, "hello");
  const traffic = [{ revisionName: "hello-00001", latestRevision: false, percent: 100 }];
  await client.put({ ...stored, spec: { ...stored.spec, traffic } });
  await world.settle();
  const { uid } = world.get(CONFIGURATION, "hello").metadata;
  await client.delete(world.get(CONFIGURATION, "hello"));
  await world.settle();
  assert.notEqual(world.get(CONFIGURATION, "hello").metadata.uid, uid, "it is not made again");
  const now = world.get(SERVICE, "hello");
  const env = [{ name: "NEW", value: "1" }];
  const containers = (now.spec.template?.spec?.containers ?? []).map((it) => ({ ...it, env }));
  const template = { spec: { ...now.spec.template?.spec, containers } };
  await assert.rejects(
    client.put({ ...now, spec: { ...now.spec, template } }),
    /expected 0 <= 3600 <= 600: .*\n.*max-revision-timeout-seconds in ConfigMap "config-defaults"/,
  );
});

test("a limit on scale that is lowered keeps nobody from changing something else", async () => {
  await using world = await World.make();
  const { client } = world;
  const { apiVersion, kind } = NAMESPACE;
  await client.create({ apiVersion, kind, metadata: { name: "varve-system" } });
  const annotations = { "autoscaling.knative.dev/max-scale": "6" };
  await client.create(serviceOf("hello", { template: { annotations } }));
  const metadata = { namespace: "varve-system", name: "config-autoscaler" };
  const data = { "max-scale-limit": "5" };
  const head = { apiVersion: CONFIG_MAP.apiVersion, kind: CONFIG_MAP.kind };
  await client.create<ConfigMap>({ ...head, metadata, data });
  await world.settle();
  assert.equal(told(world.get(SERVICE, "hello"))["Ready"], "True", "it was allowed");
  const { metadata: own, ...rest } = world.get(SERVICE, "hello");
  await client.put({ ...rest, metadata: { ...own, labels: { team: "a" } } });
  await assert.rejects(
    client.create(serviceOf("other", { template: { annotations } })),
    /expected 1 <= 6 <= 5: spec.template.metadata.annotations/,
  );
});
