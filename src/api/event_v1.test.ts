import assert from "node:assert/strict";
import { test } from "node:test";
import { cellOf } from "./column.ts";
import { EVENT, type Event } from "./event.ts";
import { EVENT_V1, EVENT_V1_VIEW } from "./event_v1.ts";
import { stored } from "./test_admission.ts";

const nowMs = Date.parse("2026-01-01T00:10:00Z");
const OLD = stored(EVENT, {
  metadata: { name: "a.1", namespace: "default" },
  involvedObject: { kind: "Pod", name: "a", namespace: "default" },
  reason: "BackOff",
  message: "again in 10 s",
  type: "Warning",
  source: { component: "varve" },
  reportingComponent: "varve",
  reportingInstance: "varve",
  firstTimestamp: "2026-01-01T00:00:00Z",
  lastTimestamp: "2026-01-01T00:09:00Z",
  count: 4,
});
const NEW: Event = {
  apiVersion: "v1",
  kind: "Event",
  metadata: OLD.metadata,
  involvedObject: { kind: "Pod", name: "a" },
  reason: "Started",
  action: "Start",
  eventTime: "2026-01-01T00:00:00.123456Z",
  series: { count: 2, lastObservedTime: "2026-01-01T00:08:00.000000Z" },
  reportingComponent: "other",
};

test("an Event counted in the old way is a series in the new words", () => {
  const { metadata: _, ...shown } = EVENT_V1_VIEW.show(OLD);
  assert.deepEqual(shown, {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    regarding: { kind: "Pod", name: "a", namespace: "default" },
    reason: "BackOff",
    note: "again in 10 s",
    type: "Warning",
    reportingInstance: "varve",
    eventTime: "2026-01-01T00:00:00.000000Z",
    series: { count: 4, lastObservedTime: "2026-01-01T00:09:00.000000Z" },
    reportingController: "varve",
    deprecatedSource: { component: "varve" },
    deprecatedFirstTimestamp: "2026-01-01T00:00:00Z",
    deprecatedLastTimestamp: "2026-01-01T00:09:00Z",
    deprecatedCount: 4,
  });
});

for (const [title, event] of Object.entries({ old: OLD, new: NEW })) {
  test(`an Event of the ${title} form comes back as it was, and prints the same`, () => {
    const shown = EVENT_V1_VIEW.show(event);
    assert.deepEqual(EVENT_V1_VIEW.store(shown), event);
    assert.deepEqual(
      EVENT_V1.columns.map((column) => cellOf(column, shown, nowMs)),
      EVENT.columns.map((column) => cellOf(column, event, nowMs)),
    );
  });
}
