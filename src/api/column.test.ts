import assert from "node:assert/strict";
import { test } from "node:test";
import { type Column, cellOf, valueAt } from "./column.ts";
import { KINDS } from "./kinds.ts";
import type { Resource } from "./meta.ts";

const RESOURCE = {
  apiVersion: "v1",
  kind: "Thing",
  metadata: {
    name: "a",
    uid: "u",
    resourceVersion: "1",
    generation: 1,
    creationTimestamp: "2026-01-01T00:00:00Z",
    labels: { "a.b/c-d": "x" },
  },
  spec: { list: [{ n: 1 }, { n: 2 }], isOn: false, zero: 0, none: null, empty: "" },
  status: {
    conditions: [
      { type: "Other", status: "False" as const },
      { type: "Ready", status: "True" as const, reason: "Fine" },
    ],
  },
};

const PATHS: readonly (readonly [string, unknown])[] = [
  [".metadata.name", "a"],
  [".metadata.labels['a.b/c-d']", "x"],
  [".spec.list[1].n", 2],
  [".spec.list[7].n", undefined],
  [".spec.isOn", false],
  [".spec.zero", 0],
  [".spec.none.x", undefined],
  [".spec.nothing.at.all", undefined],
  [".spec.list", [{ n: 1 }, { n: 2 }]],
  [".status.conditions[?(@.type=='Ready')].status", "True"],
  ['.status.conditions[?(@.type=="Ready")].reason', "Fine"],
  [".status.conditions[?(@.type=='None')].status", undefined],
  [".metadata.name[?(@.type=='Ready')]", undefined],
  [".spec.constructor", undefined],
  [".spec.list.length.toString", undefined],
];

test("paths of columns reach what CRDs write them for, and no prototype", () => {
  for (const [path, value] of PATHS) assert.deepEqual(valueAt(path, RESOURCE), value, path);
});

const nowMs = Date.parse("2026-01-01T00:05:30Z");
const column = (jsonPath: string, type: Column["type"] = "string"): Column => {
  return { name: "X", type, jsonPath };
};

test("cells hold what kubectl prints", () => {
  const cell = (path: string, type?: Column["type"]) => cellOf(column(path, type), RESOURCE, nowMs);
  assert.equal(cell(".metadata.creationTimestamp", "date"), "5m30s");
  assert.equal(cell(".metadata.deletionTimestamp", "date"), "<unknown>");
  assert.equal(cell(".metadata.name", "date"), "<unknown>");
  assert.equal(cell(".spec.zero", "integer"), 0);
  assert.equal(cell(".spec.isOn", "boolean"), false);
  assert.equal(cell(".spec.empty"), "");
  assert.equal(cell(".spec.none"), null);
  assert.equal(cell(".spec.list[0]"), '{"n":1}');
});

test("a column of our own kinds may say more than a path reaches", () => {
  const own: Column = { ...column(".x"), value: ({ kind }) => `the ${kind}` };
  assert.equal(cellOf(own, RESOURCE, nowMs), "the Thing");
});

test("every kind can be printed with nothing in it but its metadata", () => {
  const { metadata, apiVersion } = RESOURCE;
  for (const { kind, columns } of KINDS) {
    // What is required is there in all that is stored.
    const bare: Resource = {
      apiVersion,
      kind,
      metadata,
      ...(kind === "Event" && { involvedObject: {} }),
    };
    const cells = columns.map((it) => cellOf(it, bare, nowMs));
    assert(
      cells.every((cell) => cell === null || typeof cell !== "object"),
      kind,
    );
    assert.equal(new Set(columns.map(({ name }) => name)).size, columns.length, kind);
  }
});
