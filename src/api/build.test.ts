// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of templates
import assert from "node:assert/strict";
import { test } from "node:test";
import { BUILD, type Build } from "./build.ts";
import type { BuildSpec } from "./build_spec.ts";
import { BUILD_TEMPLATE } from "./build_template.ts";
import { cellOf } from "./column.ts";
import { stored } from "./test_admission.ts";

const STEPS = [{ image: "example.com/make:1" }];
const GIT = { url: "https://example.com/app.git", revision: "main" };

const put = (spec: object, before?: Build) =>
  stored(BUILD, { metadata: { name: "b" }, spec }, { ...(before && { stored: before }) });

test("a Build says by itself what Knative would fill in", () => {
  const { spec } = put({ steps: STEPS, template: undefined, sources: [] });
  assert.deepEqual([spec.timeout, spec.serviceAccountName], ["10m0s", "default"]);
  const { spec: of } = put({ template: { name: "kaniko" } });
  assert.deepEqual(of.template, { name: "kaniko", kind: "BuildTemplate" });
});

const A = { name: "a", git: GIT, targetPath: "a" };

const REFUSED: readonly (BuildSpec & { readonly says: string })[] = [
  { says: "expected exactly one, got neither: spec.template, spec.steps" },
  {
    ...{ steps: STEPS, template: { name: "t" } },
    says: "expected exactly one, got both: spec.template, spec.steps",
  },
  { steps: [{ name: "x" }], says: "missing field(s): spec.steps[0].image" },
  {
    steps: [...STEPS, { name: "a", image: "a" }, { name: "a", image: "a" }],
    says: "expected exactly one, got both: spec.steps[2].name",
  },
  {
    ...{ steps: STEPS, source: { git: GIT }, sources: [{ git: GIT }] },
    says: "expected exactly one, got both: spec.source, spec.sources",
  },
  {
    ...{ steps: STEPS, source: { git: { url: GIT.url } } },
    says: "missing field(s): spec.source.git.revision",
  },
  {
    ...{ steps: STEPS, source: { git: { ...GIT, revision: "-x" } } },
    says: "invalid value: -x: spec.source.git.revision\nit is no name of a branch, tag, commit",
  },
  {
    ...{ steps: STEPS, source: { gcs: { location: "ftp://x/y", type: "Zip" } } },
    says: "invalid value: Zip: spec.source.gcs.type\nwant Archive or Manifest",
  },
  {
    ...{ steps: STEPS, source: { git: GIT, gcs: { location: "gs://a/b", type: "Archive" } } },
    says: "expected exactly one, got both: spec.source.git, spec.source.gcs",
  },
  {
    ...{ steps: STEPS, sources: [A, { ...A, targetPath: "b" }] },
    says: "expected exactly one, got both: spec.sources[1].name\nthe names of sources differ",
  },
  {
    ...{ steps: STEPS, sources: [A, { git: GIT, targetPath: "a/b" }] },
    says: 'invalid value: a/b: spec.sources[1].targetPath\nit must not overlap with "a/"',
  },
  {
    ...{ steps: STEPS, sources: [{ git: GIT }, { name: "b", git: GIT }] },
    says: "spec.sources[0].targetPath, spec.sources[1].targetPath\none source may go to the top",
  },
  {
    steps: STEPS,
    sources: [
      { ...A, subPath: "x" },
      { ...A, name: "b", targetPath: "b", subPath: "y" },
    ],
    says: "spec.sources[0].subPath, spec.sources[1].subPath\none source may have a subPath",
  },
  {
    ...{ steps: STEPS, source: { git: GIT, targetPath: "../x" } },
    says: 'invalid value: ../x: spec.source.targetPath\nwant a relative path without ".."',
  },
  {
    ...{ steps: STEPS, source: { targetPath: "a", custom: { name: "n", image: "a" } } },
    says: "must not set the field(s): spec.source.custom.name",
  },
  {
    ...{ steps: STEPS, source: { upload: { digest: "sha256:1" } } },
    says: "invalid value: sha256:1: spec.source.upload.digest",
  },
  {
    ...{ steps: STEPS, timeout: "25h" },
    says: "invalid value: 25h should be < 24h: spec.timeout",
  },
  { steps: STEPS, timeout: "-1s", says: "invalid value: -1s should be > 0: spec.timeout" },
  { steps: STEPS, timeout: "soon", says: "invalid value: soon: spec.timeout" },
  { steps: STEPS, Status: "Stopped", says: "invalid value: Stopped: spec.Status" },
  {
    template: { name: "t", kind: "Recipe" },
    says: "invalid value: Recipe: spec.template.kind\nwant BuildTemplate or ClusterBuildTemplate",
  },
  {
    template: {
      name: "t",
      arguments: [
        { name: "A", value: "1" },
        { name: "A", value: "2" },
      ],
    },
    says: "invalid value: A: spec.template.arguments[1].name\nDuplicateArgName:",
  },
  {
    steps: [{ image: "a", volumeMounts: [{ name: "v", mountPath: "/v" }] }],
    says: "volumeMount has no matching volume: spec.steps[0].volumeMounts[0].name",
  },
  {
    steps: [{ image: "a", terminationMessagePath: "why" }],
    says: "invalid value: why: spec.steps[0].terminationMessagePath",
  },
  {
    steps: [{ image: "a", terminationMessagePath: "/builder" }],
    says: "invalid value: /builder: spec.steps[0].terminationMessagePath",
  },
  {
    ...{ steps: STEPS, source: { custom: { image: "a", terminationMessagePath: "/workspace" } } },
    says: "invalid value: /workspace: spec.source.custom.terminationMessagePath",
  },
  {
    ...{ steps: STEPS, volumes: [{ name: "v" }] },
    says: "expected exactly one, got neither: spec.volumes[0].secret, spec.volumes[0].configMap",
  },
  {
    steps: [{ image: "a", securityContext: { privileged: true } }],
    says: "must not set the field(s): spec.steps[0].securityContext.privileged",
  },
];

for (const { says, ...spec } of REFUSED) {
  test(`a Build is refused: ${says.replaceAll("\n", "; ")}`, () => {
    assert.throws(
      () => put(spec),
      ({ message }: Error) => {
        assert.match(message, /^admission webhook "webhook\.build\.knative\.dev" denied/);
        assert.ok(message.includes(says), message);
        return true;
      },
    );
  });
}

test("timeouts from nothing to a day are taken", () => {
  for (const timeout of ["0s", "15s", "20h", "24h"]) assert.ok(put({ steps: STEPS, timeout }));
});

test("a Build that has begun can be cancelled, and not be changed", () => {
  const before = put({ steps: STEPS });
  const begun = { ...before, status: { startTime: "2026-01-01T00:00:00Z" } } as Build;
  const { spec } = put({ ...begun.spec, Status: "BuildCancelled" }, begun);
  assert.equal(spec.Status, "BuildCancelled");
  assert.throws(() => put({ ...begun.spec, timeout: "1m" }, begun), /make another Build/);
  assert.ok(put({ ...begun.spec, timeout: "1m" }, before));
});

test("kubectl get builds shows how each stands", () => {
  const conditions = [{ type: "Succeeded", status: "False", reason: "BuildTimeout" }];
  const startTime = "2026-01-01T00:00:00Z";
  const completionTime = "2026-01-01T00:01:00Z";
  const build = { ...put({ steps: STEPS }), status: { conditions, startTime, completionTime } };
  const nowMs = Date.parse("2026-01-01T00:05:00Z");
  const row = BUILD.columns.map((column) => [column.name, cellOf(column, build as Build, nowMs)]);
  assert.deepEqual(Object.fromEntries(row), {
    Name: "b",
    Succeeded: "False",
    Reason: "BuildTimeout",
    StartTime: "5m",
    CompletionTime: "4m",
  });
});

const template = (spec: object) => stored(BUILD_TEMPLATE, { metadata: { name: "t" }, spec });

test("a template may have placeholders wherever texts are, one level deep", () => {
  const spec = {
    parameters: [{ name: "IMAGE" }],
    steps: [{ name: "step-${IMAGE}", image: "${IMAGE}", env: [{ name: "A", value: "${IMAGE}" }] }],
    volumes: [{ name: "v", configMap: { name: "${IMAGE}" } }],
  };
  assert.deepEqual(template(spec).spec, spec);
  const steps = [{ image: "a", args: ["${A${B}}"] }];
  assert.throws(() => template({ steps }), /NestedPlaceholder/);
  assert.throws(
    () => template({ steps: [{ image: "a" }], parameters: [{ name: "A" }, { name: "A" }] }),
    /DuplicateParamName: "A" is declared before/,
  );
  assert.throws(() => template({}), /missing field\(s\): spec\.steps/);
});
