import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIGURATION } from "./configuration.ts";
import { SERVICE } from "./service.ts";
import { admit, type Parts, refusal, said, service, stored } from "./test_admission.ts";

const T = "spec.template.metadata";
const A = `${T}.annotations`;
const DNS_1035 =
  "a DNS-1035 label is lower-case letters, digits and '-', " +
  "begins with a letter and ends with a letter or digit";
const WORD = "must be letters, digits, '-', '_' and '.', and begin and end with a letter or digit";
const DEADLINE = "serving.knative.dev/progress-deadline";
const SIDECAR = "queue.sidecar.serving.knative.dev";

interface Case {
  readonly parts: Parts;
  readonly says: readonly string[];
}

const REFUSED: readonly Case[] = [
  {
    parts: { name: "other-1" },
    says: [`invalid value: "other-1" must have prefix "hello-": ${T}.name`],
  },
  {
    parts: { name: "hello" },
    says: [`invalid value: "hello" must have prefix "hello-": ${T}.name`],
  },
  ...["hello-", "hello-A", "hello.1"].map((name) => ({
    parts: { name },
    says: [`not a DNS 1035 label: [${DNS_1035}, not "${name}"]: ${T}.name`],
  })),
  {
    parts: { name: "hello-1", metadata: { name: undefined, generateName: "hello-" } },
    says: [`must not set the field(s): ${T}.name`, "the name of its parent is generated"],
  },
  {
    parts: { labels: { "a b": "c" } },
    says: [`Invalid value: "a b": ${WORD}: ${T}.labels`],
  },
  {
    parts: { labels: { a: "b c" } },
    says: [`Invalid value: "b c": ${WORD}: ${T}.labels.a`],
  },
  {
    parts: { annotations: { "a/b/c": "d" } },
    says: [`Invalid value: "a/b/c": a key has at most one '/': ${A}`],
  },
  {
    parts: { annotations: { [DEADLINE]: "soon" } },
    says: [`invalid value: soon: ${A}[${DEADLINE}]`, 'want a duration, such as "120s"'],
  },
  {
    parts: { annotations: { [DEADLINE]: "1500ms" } },
    says: [`progress-deadline=1500ms is not at second precision: ${A}[${DEADLINE}]`],
  },
  ...["-5s", "0s"].map((deadline) => ({
    parts: { annotations: { [DEADLINE]: deadline } },
    says: [`progress-deadline=${deadline} must be positive: ${A}[${DEADLINE}]`],
  })),
  {
    parts: { annotations: { "varve.dev/source": "not a source" } },
    says: [
      `invalid value: not a source: ${A}[varve.dev/source]`,
      "want upload:sha256:…, or the address of an archive or a git repository",
    ],
  },
  {
    parts: { annotations: { [`${SIDECAR}/cpu-resource-request`]: "lots" } },
    says: [
      `invalid value: lots: ${A}[${SIDECAR}/cpu-resource-request]`,
      'want a quantity, such as "500m" or "256Mi"',
    ],
  },
];

for (const { parts, says } of REFUSED) {
  test(`a template is refused: ${says[0]?.slice(0, 120)}`, () => {
    assert.deepEqual(said(refusal(SERVICE, service(parts))), says);
  });
}

const FINE: readonly Parts[] = [
  { name: "hello-00007" },
  { labels: { app: "hello", empty: "" }, annotations: { "a.b/c": "any text at all" } },
  { annotations: { [DEADLINE]: "10m" } },
  { annotations: { "varve.dev/source": "https://example.com/a.git#main" } },
  { annotations: { [`${SIDECAR}/memory-resource-limit`]: "64Mi" } },
];

for (const parts of FINE) {
  test(`a template is fine with ${JSON.stringify(parts)}`, () => {
    const { metadata } = admit(SERVICE, service(parts)).spec.template ?? {};
    assert.deepEqual(metadata, {
      ...(parts.name && { name: parts.name }),
      ...(parts.labels && { labels: parts.labels }),
      ...(parts.annotations && { annotations: parts.annotations }),
    });
  });
}

test("of a template's metadata only name, labels and annotations are kept", () => {
  const body = service({ labels: {}, annotations: {} });
  const spec = {
    template: {
      metadata: { namespace: "x", uid: "u", finalizers: ["a"], generateName: "g-" },
      spec: { containers: [{ image: "a" }] },
    },
  };
  assert.equal(admit(SERVICE, { ...body, spec }).spec.template?.metadata, undefined);
  assert.equal(admit(SERVICE, body).spec.template?.metadata, undefined);
});

for (const kind of [SERVICE, CONFIGURATION]) {
  const body = (parts: Parts) => ({
    ...service({ name: "hello-one", ...parts }),
    kind: kind.kind,
  });

  test(`a ${kind.kind} may not change what a Revision of its own name is`, () => {
    const before = stored(kind, body({ container: { env: [{ name: "A", value: "1" }] } }));
    const next = body({ container: { image: "b", env: [{ name: "A", value: "2" }] } });
    assert.deepEqual(said(refusal(kind, next, { stored: before })), [
      `Saw the following changes without a name change (-old +new): ${T}.name`,
      'spec.containers[0].image: -"example.com/hello:1" +"b"',
      'spec.containers[0].env[0].value: -"1" +"2"',
    ]);
  });

  test(`a ${kind.kind} may not change the labels of such a Revision either`, () => {
    const before = stored(kind, body({}));
    const lines = said(refusal(kind, body({ labels: { a: "b" } }), { stored: before }));
    assert.deepEqual(lines.slice(1), ['metadata.labels: +{"a":"b"}']);
  });

  test(`a ${kind.kind} may change it under another name, and say it again under the same`, () => {
    const before = stored(kind, body({}));
    const other = admit(kind, body({ name: "hello-two", container: { image: "b" } }), {
      stored: before,
    });
    assert.equal(other.spec.template?.metadata?.name, "hello-two");
    assert.deepEqual(admit(kind, body({}), { stored: before }).spec, before.spec);
    const spelled = body({ spec: { timeoutSeconds: 300 }, container: { ports: [] } });
    assert.deepEqual(admit(kind, spelled, { stored: before }).spec, before.spec);
  });

  test(`a ${kind.kind} whose name was generated may name its later Revisions`, () => {
    const metadata = { name: "hello-x7k2p", namespace: "default", generateName: "hello-" };
    const before = stored(kind, { ...service(), kind: kind.kind, metadata });
    admit(kind, { ...body({ name: "hello-x7k2p-1" }), metadata }, { stored: before });
  });
}

test("what was stored with other defaults is left alone when it is sent again", () => {
  const now = stored(SERVICE, service());
  const { template } = now.spec;
  const { enableServiceLinks: _, ...spec } = template?.spec ?? {};
  // As a release would have stored it in which a default was not yet there.
  const before = { ...now, spec: { ...now.spec, template: { ...template, spec } } };
  const again = admit(SERVICE, structuredClone({ ...before }), { stored: before });
  assert.deepEqual(again.spec, before.spec);
});
