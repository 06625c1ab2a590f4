import assert from "node:assert/strict";
import { test } from "node:test";
import { ANNOTATION } from "../../api/labels.ts";
import type { Service } from "../../api/service.ts";
import type { Template } from "../../api/template.ts";
import { type Wish, wishedDraft, wishedService } from "./wish.ts";

const SOURCE = { text: "https://a.b/c.git#1", name: "https://a.b/c.git#main" };
const noted = { [ANNOTATION.source]: SOURCE.text, [ANNOTATION.sourceName]: SOURCE.name };

test("a new service says what is wished, and nothing more", () => {
  const wish: Wish = {
    source: SOURCE,
    port: { containerPort: 3000 },
    memory: "64Mi",
    minScale: 1,
    annotations: [{ key: ANNOTATION.rolloutDuration, value: "10s" }],
    labels: [{ key: "team", value: "web" }],
  };
  const { metadata, spec } = wishedDraft(wish, { namespace: "default", name: "hello" });
  assert.deepEqual(metadata, {
    ...{ namespace: "default", name: "hello", labels: { team: "web" } },
    annotations: { [ANNOTATION.rolloutDuration]: "10s" },
  });
  assert.deepEqual(spec.template, {
    metadata: { labels: { team: "web" }, annotations: { ...noted, [ANNOTATION.minScale]: "1" } },
    spec: {
      containers: [{ ports: [{ containerPort: 3000 }], resources: { limits: { memory: "64Mi" } } }],
    },
  });
});

test("wishing what is so changes nothing, also by another name of the source", () => {
  const before = serviceOf({
    metadata: { name: "hello-first", annotations: noted },
    spec: { containerConcurrency: 5, containers: [{ image: "built", env: [{ name: "A" }] }] },
  });
  const wish = { source: { ...SOURCE, name: "elsewhere" }, concurrency: 5 };
  assert.deepEqual(wishedService(before, wish).spec, before.spec);
});

test("a change needs another name than the one that was given by hand", () => {
  const before = serviceOf({ metadata: { name: "hello-first" }, spec: { containers: [{}] } });
  const changed = (wish: Wish) => wishedService(before, wish).spec.template?.metadata;
  assert.deepEqual(changed({ concurrency: 1 }), {});
  assert.deepEqual(changed({ revisionName: "second" }), { name: "hello-second" });
  assert.deepEqual(changed({ revisionName: "hello-second" }), { name: "hello-second" });
});

test("an image takes the place of a source, and a source that of an image", () => {
  const built = serviceOf({
    metadata: { annotations: noted },
    spec: { containers: [{ image: "varve.local/default/hello", env: [{ name: "A" }] }] },
  });
  const imaged = wishedService(built, { image: "nginx" });
  assert.deepEqual(imaged.spec.template, {
    metadata: {},
    spec: { containers: [{ image: "nginx", env: [{ name: "A" }] }] },
  });
  assert.deepEqual(wishedService(imaged, { source: SOURCE }).spec.template, {
    metadata: { annotations: noted },
    spec: { containers: [{ env: [{ name: "A" }] }] },
  });
});

test("only the container that serves changes, and limits can be taken away", () => {
  const sidecar = { name: "side", image: "side" };
  const serving = {
    ...{ name: "main", image: "main", ports: [{ containerPort: 80 }] },
    resources: { limits: { memory: "1Gi", cpu: 1 }, requests: { cpu: 1 } },
  };
  const before = serviceOf({ spec: { containers: [sidecar, serving] } });
  const wish: Wish = { memory: "none", cpu: "none", env: [{ name: "A", value: "1" }] };
  assert.deepEqual(wishedService(before, wish).spec.template?.spec?.containers, [
    sidecar,
    { ...serving, env: [{ name: "A", value: "1" }], resources: { requests: { cpu: 1 } } },
  ]);
});

test("keys are dropped on the service and on its template", () => {
  const labels = { team: "web", other: "x" };
  const before = serviceOf({ metadata: { labels }, spec: { containers: [{}] } }, { labels });
  const gone = [{ key: "team", value: undefined }];
  const { metadata, spec } = wishedService(before, { labels: gone });
  assert.deepEqual(metadata.labels, { other: "x" });
  assert.deepEqual(spec.template?.metadata?.labels, { other: "x" });
});

function serviceOf(template: Template, more: Partial<Service["metadata"]> = {}): Service {
  const metadata = {
    ...{ namespace: "default", name: "hello", uid: "u", resourceVersion: "1" },
    ...{ generation: 1, creationTimestamp: "2026-01-01T00:00:00Z", ...more },
  };
  return { apiVersion: "serving.knative.dev/v1", kind: "Service", metadata, spec: { template } };
}
