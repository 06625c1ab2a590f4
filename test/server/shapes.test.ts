import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Answered, Bed } from "./bed.ts";

// The requests of Knative's own suite and of kn, as they go over the wire (spec/elafros §10.5).

const BASE = "/apis/serving.knative.dev/v1/namespaces/default";
const ACCEPT = { accept: "application/json, */*" };
const SENDS = { ...ACCEPT, "content-type": "application/json" };
const OPTIONS = { kind: "DeleteOptions", apiVersion: "serving.knative.dev/v1" };
const FOREGROUND = JSON.stringify({ ...OPTIONS, propagationPolicy: "Foreground" });

let bed: Bed;
before(async () => {
  bed = await Bed.make();
  // Nobody is at work behind this API, so what controllers would make is made by hand.
  for (const plural of ["configurations", "routes"]) await post(plural, bodyOf(plural, "made"));
});
after(() => bed[Symbol.asyncDispose]());

type Body = Readonly<Record<string, unknown>>;

function get(path: string): Promise<Answered> {
  return bed.send({ method: "GET", path: `${BASE}/${path}`, headers: ACCEPT });
}

function post(plural: string, body: Body): Promise<Answered> {
  const sent = { method: "POST", path: `${BASE}/${plural}`, headers: SENDS };
  return bed.send({ ...sent, body: JSON.stringify(body) });
}

function put(path: string, body: Body): Promise<Answered> {
  const sent = { method: "PUT", path: `${BASE}/${path}`, headers: SENDS };
  return bed.send({ ...sent, body: JSON.stringify(body) });
}

function remove(path: string, body: string): Promise<Answered> {
  return bed.send({ method: "DELETE", path: `${BASE}/${path}`, headers: SENDS, body });
}

/** As a client in Go writes it, nulls and empty parts and all. */
function bodyOf(plural: string, name: string, image = "example.com/hello:1"): Body {
  const container = { name: "", image, resources: {} };
  const template = { metadata: { creationTimestamp: null }, spec: { containers: [container] } };
  const traffic = [{ configurationName: name, percent: 100 }];
  const kind = { services: "Service", configurations: "Configuration", routes: "Route" }[plural];
  return {
    ...{ kind, apiVersion: "serving.knative.dev/v1" },
    metadata: { name, namespace: "default", creationTimestamp: null },
    spec: plural === "routes" ? { traffic } : { template },
    status: {},
  };
}

function read({ body }: Answered) {
  return JSON.parse(body);
}

const READS: readonly (readonly [number, string, string])[] = [
  [1, "services", "ServiceList"],
  [3, "configurations", "ConfigurationList"],
  [5, "routes", "RouteList"],
  [7, "revisions", "RevisionList"],
];

for (const [number, plural, kind] of READS) {
  test(`§10.5 #${number}: GET ${plural} lists them`, async () => {
    const answer = await get(plural);
    const { items, ...list } = read(answer);
    assert.deepEqual([answer.code, list.kind, Array.isArray(items)], [200, kind, true]);
    assert.match(list.metadata.resourceVersion, /^\d+$/);
  });
}

for (const [number, plural] of [
  [2, "services"],
  [4, "configurations"],
  [6, "routes"],
] as const) {
  test(`§10.5 #${number}: GET ${plural}/{name} is that one, or NotFound`, async () => {
    const name = `one-${number}`;
    const made = read(await post(plural, bodyOf(plural, name)));
    assert.deepEqual(read(await get(`${plural}/${name}`)), made);
    const none = await get(`${plural}/none`);
    assert.deepEqual([none.code, read(none).kind, read(none).reason], [404, "Status", "NotFound"]);
  });
}

test("§10.5 #8: GET revisions/{name} is NotFound where there is none", async () => {
  const none = await get("revisions/none");
  const { kind, reason, details } = read(none);
  assert.deepEqual([none.code, kind, reason, details.name], [404, "Status", "NotFound", "none"]);
});

test("§10.5 #9: POST services makes one, filled in, with its authors, generation 1", async () => {
  const answer = await post("services", bodyOf("services", "posted"));
  const { metadata, spec, status } = read(answer);
  assert.deepEqual([answer.code, metadata.generation, status], [201, 1, undefined]);
  assert.deepEqual(Object.keys(metadata.annotations).sort(), [
    "serving.knative.dev/creator",
    "serving.knative.dev/lastModifier",
  ]);
  assert.deepEqual(spec.traffic, [{ latestRevision: true, percent: 100 }]);
  const again = await post("services", bodyOf("services", "posted"));
  assert.deepEqual([again.code, read(again).reason], [409, "AlreadyExists"]);
});

test("§10.5 #10: PUT services/{name} replaces all, and a stale one is a Conflict", async () => {
  const made = read(await post("services", bodyOf("services", "put")));
  const same = await put("services/put", { ...bodyOf("services", "put"), metadata: made.metadata });
  assert.deepEqual([same.code, read(same).metadata.generation], [200, 1], "nulls change nothing");
  const { spec } = bodyOf("services", "put", "example.com/hello:2");
  const changed = await put("services/put", { ...made, spec });
  assert.deepEqual([changed.code, read(changed).metadata.generation], [200, 2]);
  const stale = await put("services/put", { ...made, spec: made.spec });
  assert.deepEqual([stale.code, read(stale).reason], [409, "Conflict"]);
});

const DELETES: readonly (readonly [number, string, string, string])[] = [
  [11, "services", "with propagationPolicy Foreground", FOREGROUND],
  [12, "services", "without a propagationPolicy", JSON.stringify(OPTIONS)],
  [13, "routes", "with propagationPolicy Foreground", FOREGROUND],
  [14, "configurations", "with propagationPolicy Foreground", FOREGROUND],
];

for (const [number, plural, how, body] of DELETES) {
  test(`§10.5 #${number}: DELETE ${plural}/{name} ${how}`, async () => {
    const path = `${plural}/gone-${number}`;
    await post(plural, bodyOf(plural, `gone-${number}`));
    const { code } = await remove(path, body);
    assert.equal(code, 200);
    // In the foreground it goes when what it owns has gone: the garbage collector's work.
    const { code: left, body: text } = await get(path);
    const isGoing = left === 404 || JSON.parse(text).metadata.deletionTimestamp !== undefined;
    assert(isGoing, text);
    const never = await remove(`${plural}/never`, body);
    assert.deepEqual([never.code, read(never).reason], [404, "NotFound"]);
  });
}

test("§10.5 #15: there is no core Service to find a gateway by, and that is told", async () => {
  const path = "/api/v1/namespaces/istio-system/services/istio-ingressgateway";
  const { code, body } = await bed.send({ method: "GET", path, headers: ACCEPT });
  assert.deepEqual([code, JSON.parse(body).kind], [404, "Status"]);
});

interface Change {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly name: string; readonly generation: number };
    readonly status?: { readonly observedGeneration: number };
  };
}

async function watched(query: string): Promise<readonly Change[]> {
  const path = `${BASE}/services?watch=true&timeoutSeconds=1&${query}`;
  const { body } = await bed.send({ method: "GET", path, headers: ACCEPT });
  return body.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
}

test("W1, W2: readiness comes in a write of its own, and a watch of one tells it", async () => {
  const made = read(await post("services", bodyOf("services", "waited")));
  assert.equal(made.status, undefined, "nothing is ready in the answer to POST");
  const { resourceVersion, generation } = made.metadata;
  const conditions = [{ type: "Ready", status: "True" }];
  const told = await put("services/waited/status", {
    ...made,
    status: { observedGeneration: generation, conditions },
  });
  assert.equal(told.code, 200, told.body);
  const from = `fieldSelector=metadata.name%3Dwaited&resourceVersion=${resourceVersion}`;
  const changes = await watched(from);
  assert.deepEqual(
    changes.map(({ type, object }) => [type, object.metadata.name, object.status]),
    [["MODIFIED", "waited", { observedGeneration: 1, conditions: [...conditions] }]],
  );
});

test("W3: with no version a watch begins with what there is, and tells of a deletion", async () => {
  const { metadata } = read(await post("services", bodyOf("services", "short")));
  const selected = "fieldSelector=metadata.name%3Dshort";
  assert.deepEqual(
    (await watched(selected)).map(({ type }) => type),
    ["ADDED"],
  );
  await remove("services/short", JSON.stringify(OPTIONS));
  const from = `${selected}&resourceVersion=${metadata.resourceVersion}`;
  assert.deepEqual(
    (await watched(from)).map(({ type }) => type),
    ["DELETED"],
  );
});

const PATCHES = {
  "application/merge-patch+json": { spec: { traffic: [{ percent: 100, tag: "a" }] } },
  "application/strategic-merge-patch+json": {
    spec: { template: { spec: { containers: [{ image: "example.com/hello:3" }] } } },
  },
  "application/json-patch+json": [
    { op: "replace", path: "/spec/template/spec/containers/0/image", value: "example.com/h:4" },
  ],
  "application/apply-patch+yaml": {
    ...{ apiVersion: "serving.knative.dev/v1", kind: "Service", metadata: { name: "patched" } },
    spec: { template: { metadata: { labels: { team: "green" } } } },
  },
};

test("O-1: a Service is patched in each of the four ways, and what is not said stays", async () => {
  const env = [{ name: "A", value: "1" }];
  const draft = bodyOf("services", "patched") as { spec: { template: { spec: Body } } };
  draft.spec.template.spec = { containers: [{ image: "example.com/hello:1", env }] };
  await post("services", draft);
  for (const [type, patch] of Object.entries(PATCHES)) {
    const headers = { ...ACCEPT, "content-type": type };
    const path = `${BASE}/services/patched?fieldManager=story&force=${type.includes("apply")}`;
    const sent = { method: "PATCH", path: path.replace("&force=false", ""), headers };
    const { code, body } = await bed.send({ ...sent, body: JSON.stringify(patch) });
    assert.equal(code, 200, body);
  }
  const { metadata, spec } = read(await get("services/patched"));
  const [{ image, env: kept }] = spec.template.spec.containers;
  assert.deepEqual([image, kept, spec.traffic[0].tag], ["example.com/h:4", env, "a"]);
  assert.deepEqual([spec.template.metadata.labels, metadata.generation], [{ team: "green" }, 5]);
});
