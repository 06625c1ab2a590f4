import assert from "node:assert/strict";
import { test } from "node:test";
import { DOMAIN_MAPPING } from "./domain_mapping.ts";
import { refusal, said } from "./test_admission.ts";

const REF = { apiVersion: "serving.knative.dev/v1", kind: "Service", name: "shop" };

const WRONG: readonly { readonly name?: string; readonly spec?: object; readonly says: string }[] =
  [
    { name: "shop", says: "invalid value: shop: metadata.name" },
    {
      name: "a.default.svc.cluster.local",
      says: "invalid value: a.default.svc.cluster.local: metadata.name",
    },
    { spec: {}, says: "missing field(s): spec.ref" },
    { spec: { ref: { ...REF, name: "" } }, says: "missing field(s): spec.ref.name" },
    { spec: { ref: { ...REF, kind: "Pod" } }, says: "invalid value: Pod: spec.ref.kind" },
    { spec: { ref: { ...REF, apiVersion: "v1" } }, says: "invalid value: v1: spec.ref.apiVersion" },
    { spec: { ref: { ...REF, namespace: "b" } }, says: "invalid value: b: spec.ref.namespace" },
  ];
for (const { name = "shop.example.com", spec = { ref: REF }, says } of WRONG) {
  test(`a mapping is refused: ${says}`, () => {
    const metadata = { namespace: "default", name };
    const [first, rule] = said(refusal(DOMAIN_MAPPING, { metadata, spec }));
    assert.equal(first, says);
    assert(says.startsWith("missing") || (rule ?? "").length > 10, "it says the rule");
  });
}
