import assert from "node:assert/strict";
import { test } from "node:test";
import type { ManagedFieldsEntry } from "../api/meta.ts";
import { entriesFrom } from "./managed_fields.ts";

const owner = (uid: string) => ({ [`k:{"uid":"${uid}"}`]: {} });

function sent(uid: string): readonly ManagedFieldsEntry[] {
  const fieldsV1 = {
    "f:metadata": { "f:labels": { "f:app": {} }, "f:ownerReferences": owner(uid) },
    "f:spec": { "f:image": {} },
  };
  const head = { manager: "ci", operation: "Update", apiVersion: "v1", fieldsType: "FieldsV1" };
  return [{ ...head, fieldsV1 }];
}

test("fields that clients send are there once in memory, and mean what they meant", () => {
  const [one, other] = ["a", "b"].map((uid) => entriesFrom(sent(uid))[0]?.fieldsV1 ?? {});
  assert.deepEqual([one, other], [sent("a")[0]?.fieldsV1, sent("b")[0]?.fieldsV1]);
  assert.equal(one?.["f:spec"], other?.["f:spec"]);
  const labelsOf = (fields: typeof one) => Object(fields?.["f:metadata"])["f:labels"];
  assert.equal(labelsOf(one), labelsOf(other));
});

test("fields of no known form are kept as they were sent", () => {
  const odd = [{ ...sent("a")[0], fieldsV1: { "f:metadata": "x", "f:spec": [1], "f:data": null } }];
  assert.deepEqual(entriesFrom(odd), odd);
});
