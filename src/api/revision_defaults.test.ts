import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container } from "./container.ts";
import type { RevisionSpec } from "./revision_spec.ts";
import { SERVICE } from "./service.ts";
import { admit, type Parts, service } from "./test_admission.ts";

function specOf(parts: Parts): RevisionSpec {
  return admit(SERVICE, service(parts)).spec.template?.spec ?? {};
}

function containerOf(parts: Parts): Container {
  return specOf(parts).containers?.[0] ?? {};
}

test("a Service that says nothing but its image is filled in", () => {
  const { spec, metadata } = admit(SERVICE, service());
  assert.deepEqual(spec, {
    template: {
      spec: {
        containers: [
          {
            name: "user-container",
            image: "example.com/hello:1",
            ports: [{ containerPort: 8080, protocol: "TCP" }],
            readinessProbe: { tcpSocket: {}, successThreshold: 1 },
          },
        ],
        containerConcurrency: 0,
        enableServiceLinks: false,
        timeoutSeconds: 300,
      },
    },
    traffic: [{ latestRevision: true, percent: 100 }],
  });
  assert.deepEqual(metadata.annotations, {
    "serving.knative.dev/creator": "alice",
    "serving.knative.dev/lastModifier": "alice",
  });
});

const TIMES: readonly {
  readonly sent: Parts["spec"];
  readonly timeout: number;
  readonly start?: number;
}[] = [
  { sent: {}, timeout: 300 },
  { sent: { timeoutSeconds: 0 }, timeout: 300 },
  { sent: { timeoutSeconds: 299 }, timeout: 299 },
  { sent: { timeoutSeconds: 300 }, timeout: 300 },
  { sent: { timeoutSeconds: 301 }, timeout: 301, start: 300 },
  { sent: { timeoutSeconds: 600 }, timeout: 600, start: 300 },
  { sent: { timeoutSeconds: 600, responseStartTimeoutSeconds: 7 }, timeout: 600, start: 7 },
  { sent: { timeoutSeconds: 600, responseStartTimeoutSeconds: 0 }, timeout: 600, start: 0 },
  { sent: { timeoutSeconds: 60, responseStartTimeoutSeconds: 0 }, timeout: 60 },
  { sent: { timeoutSeconds: 60, responseStartTimeoutSeconds: 50 }, timeout: 60, start: 50 },
];

for (const { sent, timeout, start } of TIMES) {
  test(`of the times ${JSON.stringify(sent)} what is left out is filled in`, () => {
    const spec = specOf({ spec: { ...sent } });
    const { timeoutSeconds, responseStartTimeoutSeconds, idleTimeoutSeconds } = spec;
    assert.deepEqual([timeoutSeconds, responseStartTimeoutSeconds], [timeout, start]);
    assert.equal(idleTimeoutSeconds, undefined);
  });
}

test("what is said stays as it is", () => {
  const said = { idleTimeoutSeconds: 9, containerConcurrency: 3, enableServiceLinks: false };
  const { idleTimeoutSeconds, containerConcurrency, enableServiceLinks } = specOf({ spec: said });
  assert.deepEqual({ idleTimeoutSeconds, containerConcurrency, enableServiceLinks }, said);
  assert.equal(containerOf({ container: { name: "web" } }).name, "web");
});

const NAMES: readonly { readonly sent: readonly string[]; readonly made: readonly string[] }[] = [
  { sent: [""], made: ["user-container"] },
  { sent: ["", "", ""], made: ["user-container", "user-container-1", "user-container-2"] },
  { sent: ["web", ""], made: ["web", "user-container-1"] },
  { sent: ["", "user-container"], made: ["user-container-1", "user-container"] },
  {
    sent: ["", "user-container-1", "", "user-container-2", ""],
    made: [
      "user-container",
      "user-container-1",
      "user-container-3",
      "user-container-2",
      "user-container-4",
    ],
  },
];

for (const { sent, made } of NAMES) {
  test(`containers named ${JSON.stringify(sent)} are called ${made.join(", ")}`, () => {
    const [name, ...others] = sent;
    const sidecars = others.map((it) => ({ image: "b", ...(it && { name: it }) }));
    const container = { ports: [{}], ...(name && { name }) };
    const names = specOf({ container, sidecars }).containers?.map((one) => one.name);
    assert.deepEqual(names, made);
  });
}

const PORTS: readonly { readonly sent: unknown; readonly made: Container["ports"] }[] = [
  { sent: undefined, made: [{ containerPort: 8080, protocol: "TCP" }] },
  { sent: [], made: [{ containerPort: 8080, protocol: "TCP" }] },
  { sent: [{}], made: [{ containerPort: 8080, protocol: "TCP" }] },
  { sent: [{ containerPort: 0 }], made: [{ containerPort: 8080, protocol: "TCP" }] },
  { sent: [{ name: "h2c" }], made: [{ name: "h2c", containerPort: 8080, protocol: "TCP" }] },
  { sent: [{ containerPort: 9000 }], made: [{ containerPort: 9000, protocol: "TCP" }] },
];

for (const { sent, made } of PORTS) {
  test(`a container with the ports ${JSON.stringify(sent)} listens on what is filled in`, () => {
    assert.deepEqual(containerOf({ container: { ports: sent } }).ports, made);
  });
}

const get = { path: "/ready" };

const PROBES: readonly { readonly sent: unknown; readonly made: unknown }[] = [
  { sent: {}, made: { tcpSocket: {}, successThreshold: 1 } },
  { sent: { httpGet: get }, made: { httpGet: get, successThreshold: 1 } },
  {
    sent: { successThreshold: 2, initialDelaySeconds: 3 },
    made: { tcpSocket: {}, successThreshold: 2, initialDelaySeconds: 3 },
  },
  { sent: { periodSeconds: 0 }, made: { tcpSocket: {}, successThreshold: 1 } },
  {
    sent: { periodSeconds: 5 },
    made: {
      tcpSocket: {},
      successThreshold: 1,
      periodSeconds: 5,
      failureThreshold: 3,
      timeoutSeconds: 1,
    },
  },
  {
    sent: { exec: { command: ["true"] }, periodSeconds: 5, failureThreshold: 9, timeoutSeconds: 2 },
    made: {
      exec: { command: ["true"] },
      successThreshold: 1,
      periodSeconds: 5,
      failureThreshold: 9,
      timeoutSeconds: 2,
    },
  },
];

for (const { sent, made } of PROBES) {
  test(`the readiness probe ${JSON.stringify(sent)} is filled in`, () => {
    assert.deepEqual(containerOf({ container: { readinessProbe: sent } }).readinessProbe, made);
  });
}

test("other probes are filled in when they have a period, and made for nobody", () => {
  const container = {
    livenessProbe: { httpGet: get, periodSeconds: 5 },
    startupProbe: { exec: { command: ["a"] } },
  };
  const { livenessProbe, startupProbe } = containerOf({ container });
  const counts = { failureThreshold: 3, timeoutSeconds: 1 };
  assert.deepEqual(livenessProbe, { httpGet: get, periodSeconds: 5, ...counts });
  assert.deepEqual(startupProbe, { exec: { command: ["a"] } });
  assert.equal(containerOf({}).livenessProbe, undefined);
});

test("a sidecar gets a name, and no port and no probe", () => {
  const spec = specOf({ container: { ports: [{}] }, sidecars: [{ image: "b" }] });
  assert.deepEqual(spec.containers?.[1], { name: "user-container-1", image: "b" });
});

test("neither processor nor memory is filled in", () => {
  assert.equal(
    containerOf({ container: { resources: { limits: {}, requests: {} } } }).resources,
    undefined,
  );
});

test("mounts are read-only, but those of what can be written", () => {
  const volumes = [
    { name: "config", configMap: { name: "c" } },
    { name: "secret", secret: { secretName: "s" } },
    { name: "all", projected: { sources: [{ secret: { name: "s" } }] } },
    { name: "scratch", emptyDir: {} },
    { name: "fixed", emptyDir: {} },
  ];
  const volumeMounts = [
    { name: "config", mountPath: "/a" },
    { name: "secret", mountPath: "/b", readOnly: true },
    { name: "all", mountPath: "/c" },
    { name: "scratch", mountPath: "/d", readOnly: false },
    { name: "fixed", mountPath: "/e", readOnly: true },
  ];
  const made = containerOf({ spec: { volumes }, container: { volumeMounts } }).volumeMounts;
  assert.deepEqual(
    made?.map(({ readOnly }) => readOnly),
    [true, true, true, undefined, true],
  );
});

test("a template with a source has the image of its build, unless it names one", () => {
  const annotations = { "varve.dev/source": "https://example.com/hello.git" };
  const spec = (image: Parts["container"]) =>
    containerOf({ annotations, container: { image: undefined, ...image } }).image;
  assert.equal(spec({}), "varve.local/default/hello");
  assert.equal(spec({ image: "example.com/mine" }), "example.com/mine");
});

const TRAFFIC: readonly { readonly sent: Parts["traffic"]; readonly made: unknown }[] = [
  { sent: undefined, made: [{ latestRevision: true, percent: 100 }] },
  { sent: [], made: [{ latestRevision: true, percent: 100 }] },
  { sent: [{ percent: 100 }], made: [{ latestRevision: true, percent: 100 }] },
  {
    sent: [
      { revisionName: "hello-1", percent: 100, tag: "" },
      { revisionName: "", tag: "next" },
    ],
    made: [
      { revisionName: "hello-1", latestRevision: false, percent: 100 },
      { latestRevision: true, percent: 0, tag: "next" },
    ],
  },
];

for (const { sent, made } of TRAFFIC) {
  test(`the traffic ${JSON.stringify(sent)} is filled in`, () => {
    assert.deepEqual(admit(SERVICE, service(sent && { traffic: sent })).spec.traffic, made);
  });
}
