import assert from "node:assert/strict";
import { test } from "node:test";
import type { Configuration } from "./configuration.ts";
import { LABEL } from "./labels.ts";
import type { Revision } from "./revision.ts";
import { fatesOf, GC_DEFAULTS, type GcSettings, readGcSettings } from "./revision_gc.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = Date.parse("2026-01-10T00:00:00Z");

const CASES: readonly {
  readonly title: string;
  readonly settings?: Partial<GcSettings>;
  readonly ages: readonly number[];
  readonly collected: readonly string[];
}[] = [
  {
    title: "what is past both of its times goes, the oldest first, until the fewest are left",
    settings: { nonActiveMin: 2 },
    ages: [100, 90, 80, 1],
    collected: ["r-0", "r-1"],
  },
  { title: "few are all kept, however old", ages: [1000, 900, 800], collected: [] },
  {
    title: "what was active a moment ago is kept, though it was made long ago",
    settings: { nonActiveMin: 0, sinceLastActiveMs: 200 * HOUR_MS },
    ages: [100, 90],
    collected: [],
  },
  {
    title: "beyond the maximum the oldest go, though their time is not over",
    settings: { nonActiveMin: 1, nonActiveMax: 2 },
    ages: [5, 4, 3, 2],
    collected: ["r-0", "r-1"],
  },
  {
    title: "with both times disabled only the maximum counts",
    settings: {
      ...{ nonActiveMin: 0, nonActiveMax: 3 },
      ...{ sinceCreateMs: Infinity, sinceLastActiveMs: Infinity },
    },
    ages: [9000, 8000, 7000, 6000],
    collected: ["r-0"],
  },
];
for (const { title, settings, ages, collected } of CASES) {
  test(title, () => {
    const revisions = ages.map((hours, at) => revision(`r-${at}`, hours));
    const all = { ...GC_DEFAULTS, ...settings };
    assert.deepEqual(namesOf(fates(revisions, all)), collected);
  });
}

test("what is routed, latest, pinned or new is kept whatever its age, and that is told", () => {
  const routed = revision("routed", 1000, { state: "active" });
  const pinned = revision("pinned", 1000, { noGc: true });
  const old = [
    routed,
    revision("latest", 1000),
    pinned,
    revision("new", 1000, { state: "pending" }),
  ];
  const settings = { ...GC_DEFAULTS, nonActiveMin: 0 };
  const said = fates([...old, revision("gone", 1000)], settings);
  assert.deepEqual(
    said.map(({ revision: it, why }) => [it.metadata.name, why]),
    [
      ["routed", "it is routed to by a Route"],
      ["latest", "it is the latest that is ready"],
      ["pinned", "it is annotated serving.knative.dev/no-gc"],
      ["new", "it is new"],
      ["gone", "it serves nobody, and is past its time"],
    ],
  );
});

test("settings are those of Knative's ConfigMap, and one that cannot be is refused", () => {
  const data = { "retain-since-create-time": "1h", "max-non-active-revisions": "disabled" };
  const { sinceCreateMs, nonActiveMax, nonActiveMin } = readGcSettings(data);
  assert.deepEqual([sinceCreateMs, nonActiveMax, nonActiveMin], [HOUR_MS, Infinity, 20]);
  const refused = (said: Record<string, string>) => {
    try {
      readGcSettings(said);
      return "";
    } catch (thrown) {
      return thrown instanceof Error ? thrown.message : "";
    }
  };
  assert.match(refused({ "retain-since-create-time": "soon" }), /is "soon": want a span/);
  assert.match(refused({ "min-non-active-revisions": "-1" }), /is "-1": want a whole number/);
  assert.match(refused({ "max-non-active-revisions": "3" }), /20, more than the maximum of 3/);
  assert.match(refused({ min: "3" }), /"min" is no setting: there are retain-since-create-time/);
});

function fates(revisions: readonly Revision[], settings: GcSettings) {
  return fatesOf(CONFIGURATION, revisions, { settings, nowMs: NOW_MS });
}

function namesOf(all: ReturnType<typeof fates>): readonly string[] {
  return all.filter(({ isCollected }) => isCollected).map((it) => it.revision.metadata.name);
}

const META = { namespace: "default", uid: "u", resourceVersion: "1", generation: 1 };

const CONFIGURATION: Configuration = {
  ...{ apiVersion: "serving.knative.dev/v1", kind: "Configuration", spec: {} },
  metadata: { ...META, name: "c", creationTimestamp: "2026-01-01T00:00:00Z" },
  status: { latestReadyRevisionName: "latest", latestCreatedRevisionName: "latest" },
};

interface Sketch {
  readonly state?: string;
  readonly noGc?: boolean;
}

function revision(name: string, hours: number, { state = "reserve", noGc }: Sketch = {}): Revision {
  const at = new Date(NOW_MS - hours * HOUR_MS).toISOString();
  const annotations = {
    "serving.knative.dev/routingStateModified": at,
    ...(noGc === true && { "serving.knative.dev/no-gc": "true" }),
  };
  const labels = { [LABEL.routingState]: state };
  const metadata = { ...META, name, creationTimestamp: at, labels, annotations };
  return { apiVersion: "serving.knative.dev/v1", kind: "Revision", metadata, spec: {} };
}
