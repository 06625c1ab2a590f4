import assert from "node:assert/strict";
import { test } from "node:test";
import { type Desk, makeDesk } from "../../test/world/desk.ts";
import { NOW } from "../../test/world/world_clock.ts";
import { EVENT } from "../api/event.ts";
import { silentLog } from "../base/log.ts";
import { eventRecorder } from "./recorder.ts";

const CREATED = { type: "Normal", reason: "Created", message: "Created it" } as const;

test("an Event says what happened to whom, and when", async () => {
  const desk = await makeDesk();
  const recorder = eventRecorder({ ...desk, log: silentLog });
  const about = await desk.add({ name: "settings" });
  recorder.record(about, CREATED);
  await turn();
  const [event] = desk.store.list(EVENT);
  const { metadata, ...said } = event ?? {};
  assert.match(metadata?.name ?? "", /^settings\.x\d+$/);
  assert.deepEqual(said, {
    apiVersion: "v1",
    kind: "Event",
    involvedObject: {
      ...{ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "settings" },
      ...{ uid: about.metadata.uid, resourceVersion: about.metadata.resourceVersion },
    },
    ...CREATED,
    source: { component: "varve" },
    reportingComponent: "varve",
    reportingInstance: "varve",
    firstTimestamp: NOW,
    lastTimestamp: NOW,
    count: 1,
  });
});

test("the same again counts, also when it comes faster than it can be written", async () => {
  const desk = await makeDesk();
  const recorder = eventRecorder({ ...desk, log: silentLog });
  const about = await desk.add({ name: "settings" });
  for (let times = 0; times < 3; times += 1) recorder.record(about, CREATED);
  await turn();
  desk.clock.pass(60);
  recorder.record(about, CREATED);
  recorder.record(about, { ...CREATED, message: "Created another" });
  await turn();
  assert.deepEqual(said(desk), [
    ["Created it", 4, NOW, "2026-01-01T00:01:00Z"],
    ["Created another", 1, "2026-01-01T00:01:00Z", "2026-01-01T00:01:00Z"],
  ]);
});

test("many that differ in words alone are one Event after the tenth", async () => {
  const desk = await makeDesk();
  const recorder = eventRecorder({ ...desk, log: silentLog });
  const about = await desk.add({ name: "settings" });
  const words = Array.from({ length: 15 }, (_, at) => `Failed at ${at + 1}`);
  for (const message of words) recorder.record(about, { ...CREATED, message });
  await turn();
  const [combined, ...others] = said(desk);
  assert.deepEqual(combined?.slice(0, 2), ["(combined from similar events): Failed at 15", 5]);
  assert.deepEqual(others.map(([message]) => message).toSorted(), words.slice(0, 10).toSorted());
});

test("after its Event was thrown away, the same again begins at one", async () => {
  const desk = await makeDesk();
  const recorder = eventRecorder({ ...desk, log: silentLog });
  const about = await desk.add({ name: "settings" });
  recorder.record(about, CREATED);
  await turn();
  for (const event of desk.store.list(EVENT)) await desk.client.delete(event);
  recorder.record(about, CREATED);
  await turn();
  assert.deepEqual(said(desk), [["Created it", 1, NOW, NOW]]);
});

test("what cannot be written down is in nobody's way", async () => {
  const desk = await makeDesk();
  const recorder = eventRecorder({ ...desk, log: silentLog });
  const about = await desk.add({ name: "settings" });
  const metadata = { ...about.metadata, namespace: "nowhere" };
  recorder.record({ ...about, metadata }, CREATED);
  await turn();
  assert.deepEqual(said(desk), []);
});

function said({ store }: Desk) {
  const events = store.list(EVENT).toSorted((one, other) => (other.count ?? 0) - (one.count ?? 0));
  return events.map(({ message, count, firstTimestamp, lastTimestamp }) => {
    return [message, count, firstTimestamp, lastTimestamp];
  });
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
