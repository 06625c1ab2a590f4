import assert from "node:assert/strict";
import { test } from "node:test";
import { cellOf } from "./column.ts";
import { EVENT } from "./event.ts";
import { refusal, stored } from "./test_admission.ts";

const nowMs = Date.parse("2026-01-01T00:10:00Z");

test("Events are taken as Go clients send them, and show when they happened last", () => {
  const event = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "a.1", namespace: "default", creationTimestamp: null },
    involvedObject: { kind: "Pod", namespace: "default", name: "a" },
    reason: "Started",
    source: {},
    firstTimestamp: null,
    lastTimestamp: null,
    eventTime: "2026-01-01T00:09:00.123456Z",
    reportingComponent: "",
    reportingInstance: "",
    type: "Normal",
  };
  const one = stored(EVENT, event);
  const cells = EVENT.columns.map((column) => cellOf(column, one, nowMs));
  assert.deepEqual(cells, ["59s", "Normal", "Started", "pod/a", null, null, "a.1"]);
  const series = { count: 3, lastObservedTime: "2026-01-01T00:09:30.000000Z" };
  const later = { ...one, series };
  const [again] = EVENT.columns.map((column) => cellOf(column, later, nowMs));
  assert.equal(again, "30s");
  assert.match(
    refusal(EVENT, { metadata: { name: "a" } }).message,
    /involvedObject: Required value/,
  );
});
