import assert from "node:assert/strict";
import { test } from "node:test";
import { cellOf } from "./column.ts";
import { POD, type PodStatus } from "./pod.ts";
import { stored } from "./test_admission.ts";

const nowMs = Date.parse("2026-01-01T00:10:00Z");

const STATES: readonly { readonly status: PodStatus; readonly says: string }[] = [
  { status: {}, says: "Unknown" },
  { status: { phase: "Pending" }, says: "Pending" },
  { status: { phase: "Failed", reason: "Evicted" }, says: "Evicted" },
  { status: withState({ running: {} }), says: "Running" },
  { status: withState({ waiting: { reason: "CrashLoopBackOff" } }), says: "CrashLoopBackOff" },
  { status: withState({ waiting: {} }), says: "Running" },
  { status: withState({ terminated: { exitCode: 0, reason: "Completed" } }), says: "Completed" },
  { status: withState({ terminated: { exitCode: 3 } }), says: "ExitCode:3" },
  { status: withState({ terminated: { exitCode: 137, signal: 9 } }), says: "Signal:9" },
];

for (const { status, says } of STATES) {
  test(`a Pod is shown as ${says}`, () => {
    const spec = { containers: [{ image: "a" }, { image: "b" }] };
    const pod = { ...stored(POD, { metadata: { name: "p" }, spec }), status };
    const [, ready, shown] = POD.columns.map((column) => cellOf(column, pod, nowMs));
    const count = status.containerStatuses?.[0]?.ready ? 1 : 0;
    assert.deepEqual([ready, shown], [`${count}/2`, says]);
    const metadata = { ...pod.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
    const [, , going] = POD.columns.map((column) => cellOf(column, { ...pod, metadata }, nowMs));
    assert.equal(going, "Terminating");
  });
}

function withState(state: object): PodStatus {
  const ready = "running" in state;
  const status = { name: "a", image: "a", imageID: "a", ready, restartCount: 0, state };
  return { phase: "Running", containerStatuses: [status] };
}
