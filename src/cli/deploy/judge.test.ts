import assert from "node:assert/strict";
import { test } from "node:test";
import { type Condition, failed, ok, pending } from "../../api/condition.ts";
import { LABEL } from "../../api/labels.ts";
import type { Revision } from "../../api/revision.ts";
import type { Service } from "../../api/service.ts";
import type { Template } from "../../api/template.ts";
import { type Asked, judge, type Seen } from "./judge.ts";

const OLD: Template = { spec: { containers: [{ image: "old" }] } };
const NEW: Template = { spec: { containers: [{ image: "new" }] } };
const asked: Asked = { generation: 2, template: NEW, isUnchanged: false, lastGeneration: 1 };

const building = [pending("Building", "The build is running: npm ci", "BuildSucceeded")];
const starting = [pending("Deploying", "nothing listens on port 1 yet", "ContainerHealthy")];

const STEPS = [
  {
    title: "nobody has looked at it yet",
    seen: { observed: 1, created: 1, revisions: [revision(1, OLD, [ok("Ready")])] },
    is: { phase: "waiting", step: "waiting for the new revision" },
  },
  {
    title: "what is said is about the revision before",
    seen: {
      observed: 2,
      created: 1,
      made: pending("OutOfDate", "", "ConfigurationsReady"),
      revisions: [revision(1, OLD, [ok("Ready")])],
    },
    is: { phase: "waiting", step: "waiting for the new revision" },
  },
  {
    title: "it is being built",
    seen: { observed: 2, created: 2, revisions: [revision(2, NEW, building)] },
    is: { phase: "waiting", step: "building hello-00002", detail: "npm ci", revision: 2 },
  },
  {
    title: "it is starting",
    seen: { observed: 2, created: 2, revisions: [revision(2, NEW, starting)] },
    is: {
      ...{ phase: "waiting", step: "starting hello-00002", revision: 2 },
      detail: "nothing listens on port 1 yet",
    },
  },
  {
    title: "it is ready, and not served yet",
    seen: {
      ...{ observed: 2, created: 2, revisions: [revision(2, NEW, [ok("Ready")])] },
      ready: pending("TrafficNotMigrated", "soon"),
    },
    is: { phase: "waiting", step: "updating the routes of hello", detail: "", revision: 2 },
  },
  {
    title: "it serves",
    seen: {
      ...{ observed: 2, created: 2, ready: ok("Ready") },
      revisions: [revision(1, OLD, [ok("Ready")]), revision(2, NEW, [ok("Ready")])],
    },
    is: { phase: "ready", revision: 2 },
  },
  {
    title: "it ended at its start, which may get better",
    seen: {
      ...{ observed: 2, created: 2 },
      revisions: [revision(2, NEW, [failed("ExitCode1", "why")])],
    },
    is: { phase: "failed", reason: "ExitCode1", message: "why", isFinal: false, revision: 2 },
  },
  {
    title: "its build failed, which cannot get better",
    seen: {
      ...{ observed: 2, created: 2 },
      revisions: [
        revision(2, NEW, [failed("BuildFailed", "x"), failed("NoStart", "why", "BuildSucceeded")]),
      ],
    },
    is: { phase: "failed", reason: "NoStart", message: "why", isFinal: true, revision: 2 },
  },
  {
    title: "no revision could be made of it",
    seen: {
      ...{ observed: 2, created: 1, revisions: [revision(1, OLD, [ok("Ready")])] },
      made: failed("RevisionFailed", "taken", "ConfigurationsReady"),
    },
    is: { phase: "failed", reason: "RevisionFailed", message: "taken", isFinal: false },
  },
  {
    title: "another deploy came before it was even made",
    seen: {
      ...{ generation: 3, observed: 3, created: 2 },
      revisions: [revision(1, OLD, [ok("Ready")]), revision(2, OLD, starting)],
    },
    is: { phase: "superseded", by: "hello-00002" },
  },
  {
    title: "another deploy came before it was ready",
    seen: {
      ...{ generation: 3, observed: 3, created: 3 },
      revisions: [revision(2, NEW, starting), revision(3, OLD, starting)],
    },
    is: { phase: "superseded", by: "hello-00003", revision: 2 },
  },
  {
    title: "another deploy came when it was ready already",
    seen: {
      ...{ generation: 3, observed: 3, created: 3 },
      revisions: [revision(2, NEW, [ok("Ready")]), revision(3, OLD, starting)],
    },
    is: { phase: "ready", revision: 2, overtakenBy: "hello-00003" },
  },
  {
    title: "only the traffic was changed meanwhile",
    seen: {
      ...{ generation: 3, observed: 3, created: 2, ready: ok("Ready") },
      revisions: [revision(2, NEW, [ok("Ready")])],
    },
    is: { phase: "ready", revision: 2 },
  },
];
for (const { title, seen, is } of STEPS) {
  test(title, () => assert.deepEqual(plainly(judge(asked, seenAs(seen))), is));
}

test("what was deployed, replaced and deployed again is the last of its kind", () => {
  const revisions = [1, 2, 3].map((at) => revision(at, at === 2 ? OLD : NEW, [ok("Ready")]));
  const seen = seenAs({ generation: 3, observed: 3, created: 3, ready: ok("Ready"), revisions });
  const again = { ...asked, generation: 3, lastGeneration: 2 };
  assert.deepEqual(plainly(judge(again, seen)), { phase: "ready", revision: 3 });
  const unchanged = { ...again, isUnchanged: true, lastGeneration: 3 };
  assert.deepEqual(plainly(judge(unchanged, seen)), { phase: "ready", revision: 3 });
});

test("a service that is going, or gone, is waited for no longer", () => {
  assert.deepEqual(judge(asked, { service: undefined, revisions: [] }), { phase: "gone" });
});

interface Sketch {
  readonly generation?: number;
  readonly observed: number;
  /** Of which generation the latest revision is. */
  readonly created: number;
  readonly made?: Condition;
  readonly ready?: Condition;
  readonly revisions: readonly Revision[];
}

function seenAs({ generation = 2, observed, created, revisions, ...said }: Sketch): Seen {
  const { made = pending("", "", "ConfigurationsReady"), ready = pending("", "") } = said;
  const service: Service = {
    ...{ apiVersion: "serving.knative.dev/v1", kind: "Service", spec: {} },
    metadata: metaOf("hello", generation),
    status: {
      ...{ observedGeneration: observed, conditions: [made, ready] },
      latestCreatedRevisionName: nameOf(created),
    },
  };
  return { service, revisions };
}

function revision(generation: number, { spec = {} }: Template, conditions: Condition[]): Revision {
  const labels = { [LABEL.configurationGeneration]: String(generation) };
  const metadata = { ...metaOf(nameOf(generation), 1), labels };
  const head = { apiVersion: "serving.knative.dev/v1", kind: "Revision" };
  return { ...head, metadata, spec, status: { conditions } };
}

function metaOf(name: string, generation: number) {
  const rest = { uid: name, resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };
  return { namespace: "default", name, generation, ...rest };
}

function nameOf(generation: number): string {
  return `hello-0000${generation}`;
}

/** With the generation of a revision in its place. */
function plainly(verdict: ReturnType<typeof judge>): object {
  if (!("revision" in verdict) || verdict.revision === undefined) return verdict;
  const { labels = {} } = verdict.revision.metadata;
  return { ...verdict, revision: Number(labels[LABEL.configurationGeneration]) };
}
