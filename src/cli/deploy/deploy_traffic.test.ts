import assert from "node:assert/strict";
import { test } from "node:test";
import type { Service } from "../../api/service.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import { wishedTraffic } from "./deploy_traffic.ts";

const LATEST: TrafficTarget = { latestRevision: true, percent: 100 };
const pinned = (revisionName: string, percent: number, more = {}) => {
  return { revisionName, latestRevision: false, percent, ...more };
};
const tagged = (tag: string): TrafficTarget => ({ latestRevision: true, percent: 0, tag });

const CASES = [
  {
    title: "nothing wished leaves the traffic to the service",
    spec: [LATEST],
    wish: { isWithout: false },
    means: [LATEST],
  },
  {
    title: "without traffic, who serves now is pinned by name, tags and all",
    spec: [LATEST, tagged("next")],
    now: [pinned("a-1", 100), pinned("a-1", 0, { tag: "next", url: "http://next" })],
    wish: { isWithout: true },
    means: [pinned("a-1", 100), pinned("a-1", 0, { tag: "next" })],
  },
  {
    title: "what is pinned already stays as it was said",
    spec: [pinned("a-1", 40), pinned("a-2", 60)],
    now: [pinned("a-1", 100)],
    wish: { isWithout: true, tag: "next" },
    means: [pinned("a-1", 40), pinned("a-2", 60), tagged("next")],
  },
  {
    title: "a tag moves on from who has it to the new revision",
    spec: [pinned("a-1", 100, { tag: "next" }), pinned("a-2", 0, { tag: "old" })],
    wish: { isWithout: false, tag: "next" },
    means: [pinned("a-1", 100), pinned("a-2", 0, { tag: "old" }), tagged("next")],
  },
  {
    title: "an entry that was there for its tag alone goes with it",
    spec: [LATEST, pinned("a-1", 0, { tag: "next" })],
    wish: { isWithout: false, tag: "next" },
    means: [LATEST, tagged("next")],
  },
];
for (const { title, spec, now, wish, means } of CASES) {
  test(title, () => {
    assert.deepEqual(wishedTraffic(serviceWith(spec, now), wish), means);
  });
}

test("a new service gets its tag beside the traffic that every new one has", () => {
  assert.equal(wishedTraffic(undefined, { isWithout: false }), undefined);
  assert.deepEqual(wishedTraffic(undefined, { isWithout: false, tag: "next" }), [
    LATEST,
    tagged("next"),
  ]);
});

test("where nobody serves, nobody can go on without the new one", () => {
  const wish = { isWithout: true };
  assert.throws(() => wishedTraffic(undefined, wish), /A new service cannot begin with --no-tr/);
  assert.throws(() => wishedTraffic(serviceWith([LATEST]), wish), /"a" serves nothing yet/);
});

function serviceWith(traffic: readonly TrafficTarget[], now?: readonly TrafficTarget[]): Service {
  const metadata = {
    ...{ namespace: "default", name: "a", uid: "u", resourceVersion: "1" },
    ...{ generation: 1, creationTimestamp: "2026-01-01T00:00:00Z" },
  };
  const head = { apiVersion: "serving.knative.dev/v1", kind: "Service" };
  return { ...head, metadata, spec: { traffic }, ...(now && { status: { traffic: now } }) };
}
