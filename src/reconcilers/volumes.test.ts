import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceOf, told } from "../../test/world/serving.ts";
import { World } from "../../test/world/world.ts";
import { CONFIG_MAP, type ConfigMap } from "../api/config_map.ts";
import { REVISION } from "../api/revision.ts";
import { SECRET, type Secret } from "../api/secret.ts";
import { SERVICE } from "../api/service.ts";
import type { Volume } from "../api/volume.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const VOLUMES: readonly Volume[] = [
  {
    name: "config",
    configMap: { name: "app", items: [{ key: "a", path: "deep/a", mode: 0o400 }] },
  },
  {
    name: "all",
    projected: {
      defaultMode: 0o440,
      sources: [
        { configMap: { name: "app" } },
        { secret: { name: "db" } },
        { secret: { name: "more", optional: true } },
      ],
    },
  },
  { name: "scratch", emptyDir: { sizeLimit: "1Gi" } },
  { name: "fast", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
];

test("an instance has the files of its volumes, once all are there", async () => {
  await using world = await World.make();
  const volumeMounts = VOLUMES.map(({ name }) => ({ name, mountPath: `/${name}` }));
  await world.apply(SERVICE, withVolumes({ volumeMounts }, VOLUMES));
  await world.settle();
  const missing = 'ConfigMap "app" not found, and the volume "config" mounts it';
  assert.match(told(world.get(REVISION, "hello-00001"))["Ready"] ?? "", new RegExp(missing));
  await addMap(world, { a: "blue", b: "red" });
  await world.settle();
  assert.match(
    told(world.get(REVISION, "hello-00001"))["Ready"] ?? "",
    /ReferenceMissing: Secret "db" not found, and the volume "all" mounts it\.$/,
  );
  const secret = { apiVersion: SECRET.apiVersion, kind: SECRET.kind, type: "Opaque" };
  const metadata = { namespace: "default", name: "db" };
  await world.client.create<Secret>({ ...secret, metadata, data: { key: base64("hush") } });
  await world.settle();
  const [instance] = world.runtime.list();
  assert.deepEqual(instance?.spec.volumes, [
    { name: "config", files: [{ path: "deep/a", mode: 0o400, content: base64("blue") }] },
    {
      name: "all",
      files: [
        { path: "a", mode: 0o440, content: base64("blue") },
        { path: "b", mode: 0o440, content: base64("red") },
        { path: "key", mode: 0o440, content: base64("hush") },
      ],
    },
    { name: "scratch", bytesMax: 1024 ** 3 },
    { name: "fast", isInMemory: true, bytesMax: 1024 ** 2 },
  ]);
  const [mount] = instance?.spec.mounts ?? [];
  assert.deepEqual(mount, { volume: "config", path: "/config", isReadOnly: true });
});

test("a key that is not there is told of", async () => {
  await using world = await World.make();
  const volumes: readonly Volume[] = [
    { name: "config", configMap: { name: "app", items: [{ key: "c", path: "c" }] } },
  ];
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
  await world.apply(SERVICE, withVolumes({ volumeMounts }, volumes));
  await addMap(world, { a: "blue" });
  await world.settle();
  const said = told(world.get(REVISION, "hello-00001"))["Ready"] ?? "";
  assert.match(said, /ConfigMap "app" has no key "c", and the volume "config" mounts it/);
});

function withVolumes(more: object, volumes: readonly Volume[]) {
  const service = serviceOf("hello", { container: more });
  const { template } = service.spec;
  return { ...service, spec: { template: { ...template, spec: { ...template?.spec, volumes } } } };
}

async function addMap({ client }: World, data: Readonly<Record<string, string>>): Promise<void> {
  const { apiVersion, kind } = CONFIG_MAP;
  const metadata = { namespace: "default", name: "app" };
  await client.create<ConfigMap>({ apiVersion, kind, metadata, data });
}
