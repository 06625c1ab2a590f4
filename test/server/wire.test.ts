import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Bed } from "./bed.ts";

const ALL = "/api/v1/namespaces/default/configmaps";
const JSON_TYPE = { "content-type": "application/json" };

let bed: Bed;
before(async () => {
  bed = await Bed.make();
});
after(() => bed[Symbol.asyncDispose]());

async function put(name: string, data: object = {}) {
  const body = JSON.stringify({ metadata: { name, labels: { of: name.slice(0, 9) } }, data });
  const made = await bed.send({ method: "POST", path: ALL, headers: JSON_TYPE, body });
  assert.equal(made.code, 201, made.body);
  return JSON.parse(made.body);
}

interface Event {
  readonly type: string;
  readonly object: {
    readonly kind: string;
    readonly code?: number;
    readonly metadata: {
      readonly name?: string;
      readonly resourceVersion?: string;
      readonly annotations?: Readonly<Record<string, string>>;
    };
  };
}

/** All that a watch tells until it ends by itself, each as its type and name. */
async function watched(query: string): Promise<readonly Event[]> {
  const path = `${ALL}?watch=1&timeoutSeconds=1&${query}`;
  const { body } = await bed.send({ method: "GET", path });
  const lines = body.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line));
}

function told(events: readonly Event[]): readonly string[] {
  return events.map(({ type, object }) => `${type} ${object.metadata.name ?? ""}`.trim());
}

test("what is asked for in YAML is answered so, and in protobuf alone not at all", async () => {
  const { metadata } = await put("yaml", { a: "1" });
  const path = `${ALL}/yaml`;
  const yaml = await bed.send({ method: "GET", path, headers: { accept: "application/yaml" } });
  assert.equal(yaml.headers["content-type"], "application/yaml");
  assert.match(yaml.body, new RegExp(`^ {2}uid: ${metadata.uid}$`, "m"));
  assert.match(yaml.body, /^kind: ConfigMap$/m);
  const protobuf = { accept: "application/vnd.kubernetes.protobuf" };
  const refused = await bed.send({ method: "GET", path, headers: protobuf });
  assert.deepEqual([refused.code, JSON.parse(refused.body).reason], [406, "NotAcceptable"]);
});

test("a name of 253 characters can be made, read and deleted", async () => {
  const name = "n".repeat(253);
  await put(name);
  for (const [method, code] of [
    ["GET", 200],
    ["DELETE", 200],
    ["GET", 404],
  ] as const) {
    assert.equal((await bed.send({ method, path: `${ALL}/${name}` })).code, code);
  }
});

test("fields that are said twice are warned of, and refused when checked strictly", async () => {
  const body = '{"metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}';
  const send = (how: string) =>
    bed.send({ method: "POST", path: `${ALL}?fieldValidation=${how}`, headers: JSON_TYPE, body });
  const strict = await send("Strict");
  const why = 'strict decoding error: duplicate field "data.a"';
  assert.equal(strict.code, 400);
  assert.equal(JSON.parse(strict.body).message.split(": ").slice(1).join(": "), why);
  const warned = await send("Warn");
  assert.deepEqual(
    [warned.code, warned.headers.warning],
    [201, '299 - "duplicate field \\"data.a\\""'],
  );
});

test("who changes what is written down for every write", async () => {
  await put("owned", { a: "1" });
  const path = `${ALL}/owned?fieldManager=hand`;
  const headers = { "content-type": "application/merge-patch+json" };
  const changed = await bed.send({ method: "PATCH", path, headers, body: '{"data":{"a":"2"}}' });
  const entries: readonly { manager: string; fieldsV1: object }[] = JSON.parse(changed.body)
    .metadata.managedFields;
  assert.deepEqual(entries.map(({ manager, fieldsV1 }) => [manager, fieldsV1]).sort(), [
    ["hand", { "f:data": { "f:a": {} } }],
    ["unknown", { "f:metadata": { "f:labels": { "f:of": {} } } }],
  ]);
});

test("a watch begins with all there is, says where that ends, and ends by itself", async () => {
  await put("w");
  const selected = "labelSelector=of%3Dw&allowWatchBookmarks=true";
  const initial = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=1";
  const events = await watched(`${selected}&${initial}`);
  assert.deepEqual(told(events), ["ADDED w", "BOOKMARK", "BOOKMARK"]);
  const [, end, last] = events.map(({ object }) => object.metadata);
  assert.deepEqual(end?.annotations, { "k8s.io/initial-events-end": "true" });
  assert.equal(last?.resourceVersion, String(bed.store.revision));
  const alone = await bed.send({ method: "GET", path: `${ALL}?watch=1&sendInitialEvents=true` });
  assert.deepEqual([alone.code, JSON.parse(alone.body).reason], [422, "Invalid"]);
});

test("W3: a watch tells again what was after its version, also what is gone by now", async () => {
  const { metadata } = await put("gone");
  await bed.send({ method: "DELETE", path: `${ALL}/gone` });
  const events = await watched(
    `labelSelector=of%3Dgone&resourceVersion=${metadata.resourceVersion}`,
  );
  assert.deepEqual(told(events), ["DELETED gone"]);
});

test("a watch and a page from before what is remembered are refused with 410", async () => {
  await put("old-a");
  await put("old-b");
  const first = await bed.json<{ metadata: { continue: string } }>(`${ALL}?limit=1`);
  await put("old-c");
  const token = encodeURIComponent(first.metadata.continue);
  const second = await bed.send({ method: "GET", path: `${ALL}?limit=1&continue=${token}` });
  assert.equal(second.code, 200);
  await bed.store.compact(bed.store.revision);
  const late = await bed.send({ method: "GET", path: `${ALL}?limit=1&continue=${token}` });
  assert.deepEqual([late.code, JSON.parse(late.body).reason], [410, "Expired"]);
  const events = await watched("resourceVersion=1");
  assert.deepEqual(
    events.map(({ type, object }) => [type, object.code]),
    [["ERROR", 410]],
  );
});
