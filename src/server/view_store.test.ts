import assert from "node:assert/strict";
import { test } from "node:test";
import { EVENT, type Event } from "../api/event.ts";
import { EVENT_V1, EVENT_V1_VIEW, type EventV1 } from "../api/event_v1.ts";
import { KINDS } from "../api/kinds.ts";
import { NAMESPACE, type Namespace } from "../api/namespace.ts";
import type { View } from "../api/view.ts";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { localClient } from "../platform/local_client.ts";
import { MemoryStore } from "../store/memory.ts";
import { CONTROLLER } from "./context.ts";
import { createResource } from "./create_resource.ts";
import { deleteResource } from "./delete_resource.ts";
import { getResource, listResources } from "./list_resources.ts";
import { patchResource } from "./patch_resource.ts";
import { ViewStore } from "./view_store.ts";
import { watchResources } from "./watch_resources.ts";

const KEY = { namespace: "default", name: "a.1" };

test("what is written in one form is read, watched and changed in the other", async () => {
  const store = new MemoryStore();
  const core = { kinds: KINDS, store, clock: systemClock, chance: systemChance };
  const shown = new ViewStore(store, EVENT_V1_VIEW as unknown as View);
  const context = { ...core, store: shown };
  const client = localClient(core);
  const { apiVersion, kind } = NAMESPACE;
  await client.create<Namespace>({ apiVersion, kind, metadata: { name: "default" } });
  const seen: unknown[] = [];
  using _watch = watchResources(shown, { kind: EVENT_V1 }, ({ type, object }) => {
    seen.push([type, object.apiVersion, object.note]);
  });
  const involvedObject = { kind: "Pod", name: "a" };
  const head = { apiVersion: "v1", kind: "Event", metadata: KEY };
  await client.create<Event>({ ...head, involvedObject, message: "one", count: 1 });
  const patch = { note: "two" };
  const caller = CONTROLLER;
  await patchResource(context, { kind: EVENT_V1, key: KEY, type: "merge", patch, caller });
  assert.equal(getResource<Event>(store, EVENT, KEY).message, "two");
  assert.equal(getResource<EventV1>(shown, EVENT_V1, KEY).regarding?.name, "a");
  const fieldSelector = "regarding.name=a";
  assert.equal(listResources(shown, { kind: EVENT_V1, fieldSelector }).items.length, 1);
  await deleteResource(context, { kind: EVENT_V1, key: KEY, caller });
  const body = { metadata: { name: "b.1" }, regarding: involvedObject, note: "three" };
  await createResource(context, { kind: EVENT_V1, namespace: "default", body, caller });
  assert.equal(store.list(EVENT)[0]?.message, "three");
  assert.deepEqual(seen, [
    ["ADDED", "events.k8s.io/v1", "one"],
    ["MODIFIED", "events.k8s.io/v1", "two"],
    ["DELETED", "events.k8s.io/v1", "two"],
    ["ADDED", "events.k8s.io/v1", "three"],
  ]);
});
