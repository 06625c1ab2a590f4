import assert from "node:assert/strict";
import { test } from "node:test";
import { ANNOTATION, LABEL, ROUTE_NOTE } from "./labels.ts";

test("E2: every label and annotation that we read or write has a vendor before it", () => {
  const vendors = /^((serving|networking|autoscaling)\.knative\.dev|varve\.dev)\//;
  const all: readonly string[] = [LABEL, ANNOTATION, ROUTE_NOTE].flatMap((it) => Object.values(it));
  assert.deepEqual(
    all.filter((it) => !vendors.test(it)),
    [],
  );
});
