import assert from "node:assert/strict";
import { test } from "node:test";
import type { Resource } from "./meta.ts";
import { textOf } from "./text.ts";

const HEAD = { apiVersion: "v1", kind: "ConfigMap" };
const STAMPS = { generation: 1, creationTimestamp: "2026-01-01T00:00:00Z", resourceVersion: "1" };

test("the text of a resource is its JSON, also when more texts are asked for than are kept", () => {
  const resources = Array.from({ length: 60 }, (_, n): Resource => {
    const metadata = { name: `c${n}`, uid: `u${n}`, ...STAMPS };
    return { ...HEAD, metadata, spec: { text: String(n).repeat(200_000) } };
  });
  for (const resource of [...resources, ...resources]) {
    assert.equal(textOf(resource), JSON.stringify(resource));
    assert.equal(textOf(resource), JSON.stringify(resource));
  }
});
