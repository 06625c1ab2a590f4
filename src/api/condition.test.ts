import assert from "node:assert/strict";
import { test } from "node:test";
import {
  as,
  type Condition,
  conditionOf,
  failed,
  isReady,
  ok,
  pending,
  READY,
  readyFrom,
} from "./condition.ts";

const bad = failed("Broken", "it broke", "B");
const late = pending("Waiting", "it waits", "C");

const READINESS: readonly {
  readonly title: string;
  readonly parts: readonly Condition[];
  readonly ready: Condition;
}[] = [
  { title: "nothing to depend on", parts: [], ready: READY },
  { title: "all true", parts: [ok("A"), ok("B")], ready: READY },
  {
    title: "one false",
    parts: [ok("A"), bad],
    ready: { type: "Ready", status: "False", reason: "Broken", message: "it broke" },
  },
  {
    title: "the first false, though another is unknown before it",
    parts: [late, bad, failed("Other", "x", "D")],
    ready: { type: "Ready", status: "False", reason: "Broken", message: "it broke" },
  },
  {
    title: "one unknown",
    parts: [ok("A"), late],
    ready: { type: "Ready", status: "Unknown", reason: "Waiting", message: "it waits" },
  },
  {
    title: "an unknown that gives no reason",
    parts: [{ type: "A", status: "Unknown" }],
    ready: { type: "Ready", status: "Unknown" },
  },
  {
    title: "a severity, which does not count",
    parts: [{ ...bad, severity: "Info" }, { ...late, severity: "Warning" }, ok("A")],
    ready: READY,
  },
  {
    title: "the severity of an error, which does",
    parts: [{ ...bad, severity: "" }],
    ready: { type: "Ready", status: "False", reason: "Broken", message: "it broke" },
  },
];

for (const { title, parts, ready } of READINESS) {
  test(`Ready follows from ${title}`, () => assert.deepEqual(readyFrom(parts), ready));
}

test("a condition is said again of another aspect without its times", () => {
  const said = { ...bad, lastTransitionTime: "2026-01-01T00:00:00Z", severity: "Info" as const };
  assert.deepEqual(as("X", said), {
    type: "X",
    status: "False",
    reason: "Broken",
    message: "it broke",
  });
  assert.deepEqual(as("X", { type: "A", status: "False", reason: "R" }).message, "");
});

test("a resource is ready when it says so of the spec it has now", () => {
  const of = (generation: number, observedGeneration: number, conditions: readonly Condition[]) =>
    isReady({ metadata: { generation }, status: { observedGeneration, conditions } });
  assert.equal(of(2, 2, [READY]), true);
  assert.equal(of(2, 1, [READY]), false);
  assert.equal(of(2, 2, [pending("A", "b")]), false);
  assert.equal(of(2, 2, []), false);
  assert.equal(isReady({ metadata: { generation: 1 } }), false);
});

test("a condition is found by its type", () => {
  assert.equal(conditionOf({ conditions: [bad, READY] }, "Ready"), READY);
  assert.equal(conditionOf({ conditions: [bad] }, "Ready"), undefined);
  assert.equal(conditionOf({}, "Ready"), undefined);
  assert.equal(conditionOf(undefined, "Ready"), undefined);
});
