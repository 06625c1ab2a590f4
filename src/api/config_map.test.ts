import assert from "node:assert/strict";
import { test } from "node:test";
import { cellOf } from "./column.ts";
import { CONFIG_MAP, type ConfigMap } from "./config_map.ts";
import { admit, refusal, stored } from "./test_admission.ts";

function config(fields: object): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, ...fields };
}

function told(body: object, before?: ConfigMap): readonly string[] {
  const { status } = refusal(CONFIG_MAP, body, before && { stored: before });
  return (status.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
}

test("a ConfigMap is taken as it is, an empty value as the empty text", () => {
  const data = { "a.conf": "x = 1\n", empty: null, "..": undefined };
  const made = admit(CONFIG_MAP, config({ data, binaryData: { b: "AAEC\n" }, immutable: false }));
  assert.deepEqual(made, {
    ...config({ data: { "a.conf": "x = 1\n", empty: "" }, binaryData: { b: "AAEC" } }),
    immutable: false,
  });
});

const REFUSED: readonly { readonly fields: object; readonly says: readonly string[] }[] = [
  {
    fields: { data: { "a b": "" }, binaryData: { "": "" } },
    says: [
      "data[a b]: Invalid value: \"a b\": a key is letters, digits, '-', '_' and '.'",
      "binaryData[]: Invalid value: \"\": a key is letters, digits, '-', '_' and '.'",
    ],
  },
  {
    fields: { data: { ".": "" } },
    says: ['data[.]: Invalid value: ".": a key may not be "." or begin with ".."'],
  },
  {
    fields: { data: { a: "x" }, binaryData: { a: "AAEC" } },
    says: ['binaryData.a: Invalid value: "a" is in data as well'],
  },
  {
    fields: { binaryData: { a: "no base64" } },
    says: ["binaryData.a: Invalid value: must be base64, with padding"],
  },
  {
    fields: { data: { a: "ä".repeat(300_000) }, binaryData: { b: "AAEC".repeat(150_000) } },
    says: ["data: Too long: may not be more than 1048576 bytes, has 1050000"],
  },
  {
    fields: { data: { a: { b: 1 } } },
    says: ['data.a: Invalid value: {"b":1}: must be string'],
  },
  { fields: { data: { a: 1 } }, says: ["data.a: Invalid value: 1: must be string"] },
];

for (const { fields, says } of REFUSED) {
  test(`a ConfigMap is refused: ${says[0]?.slice(0, 90)}`, () => {
    assert.deepEqual(told(config(fields)), says);
  });
}

test("an immutable ConfigMap changes no more, but for its labels", () => {
  const same = { immutable: true, data: { a: "1" }, binaryData: { b: "AAEC" } };
  const before = stored(CONFIG_MAP, config(same));
  const frozen = "Forbidden: field is immutable when `immutable` is set";
  const labeled = { ...same, metadata: { name: "c", labels: { x: "y" } } };
  admit(CONFIG_MAP, config(labeled), { stored: before });
  assert.deepEqual(told(config({ ...same, data: { a: "2" } }), before), [`data: ${frozen}`]);
  assert.deepEqual(told(config({ ...same, binaryData: {} }), before), [`binaryData: ${frozen}`]);
  assert.deepEqual(told(config({ ...same, immutable: null }), before), [`immutable: ${frozen}`]);
});

test("a ConfigMap may become immutable, and changes until then", () => {
  const before = stored(CONFIG_MAP, config({ data: { a: "1" } }));
  admit(CONFIG_MAP, config({ data: { a: "2" }, immutable: true }), { stored: before });
});

test("a table counts the keys of both kinds", () => {
  const one = stored(CONFIG_MAP, config({ data: { a: "" }, binaryData: { b: "" } }));
  const cells = CONFIG_MAP.columns.map((column) => cellOf(column, one, Date.parse("2026-01-02")));
  assert.deepEqual(cells, ["c", 2, "24h"]);
});
