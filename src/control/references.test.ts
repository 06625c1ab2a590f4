import assert from "node:assert/strict";
import { test } from "node:test";
import { makeDesk } from "../../test/world/desk.ts";
import { CONFIG_MAP, type ConfigMap } from "../api/config_map.ts";
import { References } from "./references.ts";

test("whoever refers to something is found from there, as it is now", async () => {
  const desk = await makeDesk();
  const before = await desk.add({ name: "before", labels: { to: "a" } });
  using references = new References({ cache: desk.cache, kind: CONFIG_MAP, targetsOf });
  const after = await desk.add({ name: "after", labels: { to: "a" } });
  const key = (name: string) => ({ namespace: "default", name });
  assert.deepEqual(references.to("a"), [key("before"), key("after")]);

  const metadata = { ...before.metadata, labels: { to: "b" } };
  await desk.client.put({ ...before, metadata });
  await desk.client.delete(after);
  assert.deepEqual([references.to("a"), references.to("b")], [[], [key("before")]]);
});

test("whoever listens is told of what was referred to and of what is", async () => {
  const desk = await makeDesk();
  const map = await desk.add({ name: "map", labels: { to: "a" } });
  const references = new References({ cache: desk.cache, kind: CONFIG_MAP, targetsOf });
  const told: string[] = [];
  references.watch((target) => told.push(target));
  const metadata = { ...map.metadata, labels: { to: "b" } };
  const moved = await desk.client.put({ ...map, metadata });
  assert.deepEqual(told.splice(0), ["a", "b"]);
  await desk.client.delete(moved);
  assert.deepEqual(told.splice(0), ["b"]);
  references[Symbol.dispose]();
  await desk.add({ name: "other", labels: { to: "a" } });
  assert.deepEqual(told, []);
});

function targetsOf({ metadata }: ConfigMap): readonly string[] {
  const { to } = metadata.labels ?? {};
  return to === undefined ? [] : [to];
}
