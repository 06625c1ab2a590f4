import assert from "node:assert/strict";
import { test } from "node:test";
import { NAMESPACE } from "./namespace.ts";
import { admit, refusal, stored } from "./test_admission.ts";

test("a new Namespace is active, held by its finalizer, and labeled with its name", () => {
  const made = admit(NAMESPACE, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "shop", labels: { team: "a", "kubernetes.io/metadata.name": "other" } },
    spec: { finalizers: ["mine"] },
  });
  assert.deepEqual(made, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "shop", labels: { team: "a", "kubernetes.io/metadata.name": "shop" } },
    spec: { finalizers: ["kubernetes"] },
    status: { phase: "Active" },
  });
});

test("who writes a Namespace does not write its finalizers", () => {
  const before = stored(NAMESPACE, { metadata: { name: "shop" } });
  const going = { ...before, spec: { finalizers: [] } };
  const next = admit(NAMESPACE, { ...before, spec: { finalizers: ["mine"] } }, { stored: going });
  assert.deepEqual(next.spec, { finalizers: [] });
});

test("the name of a Namespace is a label of a host's name", () => {
  for (const name of ["a.b", "A", "a_b", "x".repeat(64)]) {
    const { message, status } = refusal(NAMESPACE, { metadata: { name } });
    assert.equal(status.code, 422);
    assert(message.startsWith(`Namespace "${name}" is invalid: metadata.name: Invalid value: `));
  }
  admit(NAMESPACE, { metadata: { name: "1st" } });
});
