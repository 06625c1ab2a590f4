import assert from "node:assert/strict";
import { test } from "node:test";
import { REVISION } from "./revision.ts";
import { SERVICE } from "./service.ts";
import { CONTROLLER_USER } from "./serving.ts";
import { admit, type Parts, refusal, said, service, stored } from "./test_admission.ts";

const OWNER = {
  apiVersion: "serving.knative.dev/v1",
  kind: "Configuration",
  name: "hello",
  uid: "1",
  controller: true,
};

/** As the Configuration of such a Service makes it. */
function made(parts: Parts = {}, metadata: object = {}): object {
  const { template } = admit(SERVICE, service(parts)).spec;
  const labels = { "serving.knative.dev/configuration": "hello" };
  return {
    metadata: { name: "hello-00001", labels, ownerReferences: [OWNER], ...metadata },
    spec: template?.spec,
  };
}

const ours = { user: CONTROLLER_USER };

test("a Revision has the spec of its template, to the letter", () => {
  const parts = {
    spec: { timeoutSeconds: 600, volumes: [{ name: "v", emptyDir: { sizeLimit: "1Gi" } }] },
    container: {
      resources: { limits: { cpu: "1500m" } },
      volumeMounts: [{ name: "v", mountPath: "/v" }],
    },
  };
  const { template } = admit(SERVICE, service(parts)).spec;
  for (const user of [CONTROLLER_USER, "importer"]) {
    assert.deepEqual(admit(REVISION, made(parts), { user }).spec, template?.spec);
  }
});

test("a Revision that is imported is filled in and checked, one of ours has been", () => {
  const body = { metadata: { name: "a" }, spec: { containers: [{ image: "a" }] } };
  assert.equal(admit(REVISION, body, { user: "importer" }).spec.timeoutSeconds, 300);
  const wrong = {
    metadata: {
      name: "a",
      labels: { "serving.knative.dev/configuration": "b" },
      annotations: { "autoscaling.knative.dev/min-scale": "x" },
    },
    spec: { containers: [{ image: "A" }], hostNetwork: true },
  };
  assert.deepEqual(
    said(refusal(REVISION, wrong)).filter((_, index) => index % 2 === 0),
    [
      "invalid value: b: metadata.labels[serving.knative.dev/configuration]",
      "invalid value: x: metadata.annotations[autoscaling.knative.dev/min-scale]",
      "Failed to parse image reference: spec.containers[0].image",
      "must not set the field(s): spec.hostNetwork",
    ],
  );
  assert.deepEqual(said(refusal(REVISION, { metadata: { name: "a" } })), [
    "missing field(s): spec.containers",
  ]);
});

test("the spec of a Revision does not change", () => {
  const before = stored(REVISION, made(), ours);
  for (const user of [CONTROLLER_USER, "alice"]) {
    const next = made({ spec: { timeoutSeconds: 60 }, container: { image: "b" } });
    assert.deepEqual(said(refusal(REVISION, next, { stored: before, user })), [
      "Immutable fields changed (-old +new): spec",
      'containers[0].image: -"example.com/hello:1" +"b"',
      "timeoutSeconds: -300 +60",
    ]);
  }
});

test("what a Go client sends back of a Revision is no change of its spec", () => {
  const before = stored(REVISION, made(), ours);
  const [container] = before.spec.containers ?? [];
  const back = {
    ...before,
    metadata: { ...before.metadata, labels: { ...before.metadata.labels, a: "b" } },
    spec: {
      ...before.spec,
      volumes: [],
      containers: [
        {
          ...container,
          resources: {},
          readinessProbe: { ...container?.readinessProbe, tcpSocket: { port: 0 } },
        },
      ],
    },
    status: {},
  };
  const next = admit(REVISION, back, { stored: before });
  assert.deepEqual(next.spec, before.spec);
  assert.equal(next.metadata.labels?.["a"], "b");
});

test("a spec that was stored with other defaults is not filled in later", () => {
  const now = stored(REVISION, made(), ours);
  const { enableServiceLinks: _, ...spec } = now.spec;
  const before = { ...now, spec };
  assert.deepEqual(admit(REVISION, before, { stored: before }).spec, spec);
});

test("when its routing state changes, the time is noted, and only then", () => {
  const STATE = "serving.knative.dev/routingState";
  const MODIFIED = "serving.knative.dev/routingStateModified";
  const labeled = (state: string) => made({}, { labels: { [STATE]: state } });
  const before = stored(REVISION, labeled("pending"), ours);
  assert.equal(before.metadata.annotations?.[MODIFIED], "2026-01-01T00:00:00Z");
  const same = admit(REVISION, labeled("pending"), { stored: before, ...ours });
  assert.equal(same.metadata.annotations, undefined);
  const next = admit(REVISION, labeled("active"), { stored: before, ...ours });
  assert.equal(next.metadata.annotations?.[MODIFIED], "2026-01-01T00:00:00Z");
});
