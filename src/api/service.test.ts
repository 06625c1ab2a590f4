import assert from "node:assert/strict";
import { test } from "node:test";
import { type Chance, seededChance } from "../base/chance.ts";
import { REVISION } from "./revision.ts";
import { SERVICE, type Service } from "./service.ts";
import { CONTROLLER_USER } from "./serving.ts";
import { admit, type Parts, service, stored } from "./test_admission.ts";
import { randomService } from "./test_random.ts";

type Spec = Service["spec"];

function specOf(body: unknown, before?: Service): Spec {
  return admit(SERVICE, body, before && { stored: before }).spec;
}

const PLAIN: Parts = {
  container: {
    env: [
      { name: "A", value: "" },
      { name: "B", value: "1" },
    ],
    resources: { limits: { cpu: "1", memory: "1Gi" } },
  },
};

/** The same Service, as others say it. Each must be the same to us, or a Revision is made. */
const SAME: Readonly<Record<string, object>> = {
  "with nulls and empty parts, as Go clients send it": {
    ...service({
      ...PLAIN,
      metadata: { creationTimestamp: null, managedFields: null },
      labels: {},
      annotations: {},
      spec: { volumes: null, imagePullSecrets: [], serviceAccountName: "", nodeSelector: {} },
      container: {
        ...PLAIN.container,
        ...{ name: "", args: [], command: null, workingDir: "", envFrom: [], volumeMounts: [] },
        ...{ securityContext: {}, livenessProbe: null, terminationMessagePath: "" },
        env: [{ name: "A" }, { name: "B", value: "1", valueFrom: null }],
        resources: { limits: { memory: "1024Mi", cpu: "1000m" }, requests: {} },
      },
    }),
    status: {},
  },
  "with its template's metadata as kn sends it": {
    ...service(PLAIN),
    spec: {
      traffic: [],
      template: {
        metadata: { creationTimestamp: null },
        spec: templateSpec(service(PLAIN)),
      },
    },
    status: { conditions: null },
  },
  "with all defaults spelled out": service({
    spec: {
      containerConcurrency: 0,
      enableServiceLinks: false,
      timeoutSeconds: 300,
      idleTimeoutSeconds: 0,
    },
    container: {
      ...PLAIN.container,
      name: "user-container",
      ports: [{ containerPort: 8080, protocol: "TCP", name: "" }],
      readinessProbe: { tcpSocket: { port: 0 }, successThreshold: 1, periodSeconds: 0 },
      resources: { limits: { cpu: 1, memory: "1Gi" } },
    },
    traffic: [{ latestRevision: true, percent: 100, tag: "", revisionName: "" }],
  }),
  "with some defaults spelled out": service({
    spec: { timeoutSeconds: 0, responseStartTimeoutSeconds: 0 },
    container: { ...PLAIN.container, ports: [{}], readinessProbe: {} },
    traffic: [{ percent: 100 }],
  }),
};

for (const [title, body] of Object.entries(SAME)) {
  test(`a Service is the same ${title}`, () => {
    const before = stored(SERVICE, service(PLAIN));
    assert.deepEqual(specOf(body), before.spec);
    assert.deepEqual(specOf(body, before), before.spec);
    assert.deepEqual(specOf(shuffled(seededChance(1), body), before), before.spec);
  });
}

test("whatever is stored, sent back it is the same", () => {
  const seed = 31;
  const chance = seededChance(seed);
  for (let times = 0; times < 250; times += 1) {
    const sent = { ...service(), spec: randomService(chance) };
    const why = `seed ${seed}, ${times}: ${JSON.stringify(sent.spec)}`;
    const before = stored(SERVICE, sent);
    assert.deepEqual(specOf(before), before.spec, why);
    assert.deepEqual(specOf(before, before), before.spec, why);
    assert.deepEqual(specOf(sent, before), before.spec, why);
    assert.deepEqual(specOf(shuffled(chance, noisy(chance, sent))), before.spec, why);
    assert.deepEqual(specOf(asGoSends(before), before), before.spec, why);
    assert.deepEqual(specOf(asGoSends(before)), before.spec, why);
  }
});

test("a Revision has exactly the spec of its template, whoever sends it", () => {
  const chance = seededChance(37);
  for (let times = 0; times < 100; times += 1) {
    const { template } = stored(SERVICE, { ...service(), spec: randomService(chance) }).spec;
    const revision = { metadata: { name: "hello-00001" }, spec: template?.spec };
    for (const user of ["importer", CONTROLLER_USER]) {
      assert.deepEqual(admit(REVISION, revision, { user }).spec, template?.spec);
    }
  }
});

test("a change is a change, however small", () => {
  const before = stored(SERVICE, service(PLAIN));
  const changes: readonly Parts[] = [
    {
      container: {
        ...PLAIN.container,
        env: [
          { name: "A", value: " " },
          { name: "B", value: "1" },
        ],
      },
    },
    { container: { ...PLAIN.container, args: [""] } },
    { container: { ...PLAIN.container, readinessProbe: { exec: { command: [""] } } } },
    { container: { ...PLAIN.container, securityContext: { runAsUser: 0 } } },
    { ...PLAIN, spec: { timeoutSeconds: 301 } },
    { ...PLAIN, labels: { a: "" } },
    { ...PLAIN, annotations: { a: "" } },
  ];
  for (const parts of changes) {
    assert.notDeepEqual(specOf(service(parts), before), before.spec, JSON.stringify(parts));
  }
});

function templateSpec(body: object): unknown {
  const { spec } = body as { readonly spec: { readonly template: { readonly spec: unknown } } };
  return spec.template.spec;
}

/** With its fields in another order. */
function shuffled(chance: Chance, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(chance, item));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, shuffled(chance, inner)]);
  const ranked = entries.map((entry) => [chance.fraction(), entry] as const);
  return Object.fromEntries(ranked.toSorted(([one], [other]) => one - other).map(([, it]) => it));
}

/** With nulls in it for what it does not say. In a map of strings they would say something. */
function noisy(chance: Chance, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => noisy(chance, item));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => {
    const isMap = key === "labels" || key === "annotations";
    return [key, isMap ? inner : noisy(chance, inner)] as const;
  });
  const nothing = ["unsaid", "volumes", "args", "probe"].filter((key) => !(key in value));
  const some = nothing.filter(() => chance.fraction() < 0.7).map((key) => [key, null] as const);
  return Object.fromEntries([...some, ...entries]);
}

/** As a client in Go sends back what it was sent: read into its types, and written again. */
function asGoSends(resource: Service): unknown {
  const copy = JSON.parse(JSON.stringify(resource), (key, value: unknown) => {
    if (["tcpSocket", "httpGet", "grpc"].includes(key)) {
      return { port: 0, ...(key === "grpc" && { service: "" }), ...(value as object) };
    }
    if (key === "containers") {
      return (value as readonly object[]).map((it) => ({ resources: {}, ...it }));
    }
    if (key === "template") {
      const { metadata = {} } = value as { readonly metadata?: object };
      return { ...(value as object), metadata: { creationTimestamp: null, ...metadata } };
    }
    // Zero and false are left out where the type has no pointer.
    const isLeftOut = ["initialDelaySeconds", "readOnly"].includes(key) && !value;
    return isLeftOut ? undefined : value;
  });
  return { ...copy, status: {} };
}
