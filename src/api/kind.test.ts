import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG_MAP } from "./config_map.ts";
import { ApiError } from "./error.ts";
import { fieldsOf, type Kind, keyIn, parse } from "./kind.ts";
import { KINDS, kindOf } from "./kinds.ts";
import { NAMESPACE } from "./namespace.ts";
import { POD } from "./pod.ts";
import { SECRET } from "./secret.ts";
import { SERVICE } from "./service.ts";

interface Case {
  readonly kind: Kind;
  readonly body: unknown;
  readonly code: number;
  readonly message: string;
}

const config = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } };

const REFUSED: readonly Case[] = [
  ...[undefined, null, "text", 1, true, []].map((body) => ({
    kind: CONFIG_MAP as Kind,
    body,
    code: 400,
    message: "the body must be a ConfigMap object as JSON or YAML",
  })),
  {
    kind: CONFIG_MAP,
    body: { ...config, kind: "Secret" },
    code: 400,
    message: 'the kind in the data is "Secret", the one asked for is "ConfigMap"',
  },
  {
    kind: SERVICE,
    body: { apiVersion: "serving.knative.dev/v1alpha1", kind: "Service" },
    code: 400,
    message:
      'the apiVersion in the data is "serving.knative.dev/v1alpha1", ' +
      'the one asked for is "serving.knative.dev/v1"',
  },
  {
    kind: CONFIG_MAP,
    body: { ...config, data: { "a.b": { toString: 1 } } },
    code: 422,
    message: 'ConfigMap "a" is invalid: data[a.b]: Invalid value: {"toString":1}: must be string',
  },
  {
    kind: CONFIG_MAP,
    body: { apiVersion: { toString: 1 }, kind: 5, metadata: { name: { toString: 1 } } },
    code: 422,
    message:
      'ConfigMap "" is invalid: [apiVersion: Invalid value: {"toString":1}: must be string, ' +
      'kind: Invalid value: 5: must be string, metadata.name: Invalid value: {"toString":1}: ' +
      "must be string]",
  },
  {
    kind: CONFIG_MAP,
    body: { ...config, metadata: "a" },
    code: 422,
    message: 'ConfigMap "" is invalid: metadata: Invalid value: "a": must be object',
  },
  {
    kind: POD,
    body: { metadata: { generateName: "p-" }, status: { phase: "Dead" } },
    code: 422,
    message:
      'Pod "p-" is invalid: status.phase: Unsupported value: "Dead": must be one of ' +
      '"Pending", "Running", "Succeeded", "Failed", "Unknown"',
  },
  {
    kind: SERVICE,
    body: { spec: { template: { spec: { volumes: [{}], timeoutSeconds: "5" } } } },
    code: 422,
    message:
      'Service.serving.knative.dev "" is invalid: [spec.template.spec.volumes[0].name: ' +
      'Required value, spec.template.spec.timeoutSeconds: Invalid value: "5": must be integer]',
  },
  {
    kind: CONFIG_MAP,
    body: { metadata: { name: "c" }, data: Array.from({ length: 100_001 }, () => 1) },
    code: 422,
    message: 'ConfigMap "c" is invalid: Too much: must be at most 100000 values',
  },
  {
    kind: SECRET,
    body: { metadata: { name: "s" }, data: { word: ["open sesame"] } },
    code: 422,
    message: 'Secret "s" is invalid: data.word: Invalid value: (hidden): must be string',
  },
];

for (const { kind, body, code, message } of REFUSED) {
  test(`${kind.kind} is not read from ${JSON.stringify(body)?.slice(0, 70)}`, () => {
    assert.throws(
      () => parse(kind, body),
      (thrown) => {
        assert(thrown instanceof ApiError);
        assert.deepEqual([thrown.status.code, thrown.message], [code, message]);
        return true;
      },
    );
  });
}

test("the causes of a refusal have Kubernetes' words for programs", () => {
  const body = { status: { phase: "Dead", startTime: "x", containerStatuses: [{}] } };
  assert.throws(
    () => parse(POD, body),
    ({ status }: ApiError) => {
      const reasons = status.details?.causes?.map(({ field, reason }) => `${field} ${reason}`);
      assert.deepEqual(
        reasons?.slice(0, 3).sort(),
        [
          "status.phase FieldValueNotSupported",
          "status.startTime FieldValueInvalid",
          "status.containerStatuses[0].name FieldValueRequired",
        ].sort(),
      );
      return true;
    },
  );
});

test("what only the server may say is accepted, and means nothing", () => {
  const { draft, unknown } = parse(CONFIG_MAP, {
    metadata: {
      name: "a",
      uid: "u",
      resourceVersion: "7",
      generation: 5,
      creationTimestamp: "2026-01-01T00:00:00Z",
      deletionTimestamp: null,
      selfLink: "/x",
      managedFields: [{ manager: "kubectl", fieldsV1: { "f:data": { ".": {} } } }],
      clusterName: "c",
    },
    data: { a: "b" },
    extra: { deep: [1] },
  });
  assert.deepEqual(draft, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a", uid: "u", resourceVersion: "7" },
    data: { a: "b" },
  });
  assert.deepEqual(unknown, ["metadata.clusterName", "extra"]);
});

test("a body of nothing is a resource of nothing", () => {
  assert.deepEqual(parse(SERVICE, {}), {
    draft: { apiVersion: "serving.knative.dev/v1", kind: "Service", metadata: {} },
    unknown: [],
  });
});

test("fields of a pod that are empty are not told as unknown, other empty ones are", () => {
  const container = { image: "a", tty: false, stdin: true, lifecycle: {}, tpyo: "" };
  const spec = { nodeSelector: {}, tolerations: [], containers: [container] };
  const { unknown } = parse(SERVICE, { spec: { template: { spec } } });
  const first = "spec.template.spec.containers[0]";
  assert.deepEqual(unknown, [`${first}.stdin`, `${first}.tpyo`]);
});

test("kinds are told apart by group and name, and each by its own words", () => {
  assert.equal(kindOf({ apiVersion: "serving.knative.dev/v1beta1", kind: "Service" }), SERVICE);
  assert.equal(kindOf({ apiVersion: "v1", kind: "Service" }), undefined);
  const plurals = KINDS.map(({ apiVersion, plural }) => `${apiVersion}/${plural}`);
  assert.equal(new Set(plurals).size, KINDS.length);
  const words = KINDS.flatMap(({ shortNames = [], singular }) => [...shortNames, singular]);
  assert.equal(new Set(words).size, words.length);
  assert.deepEqual(keyIn(NAMESPACE, { namespace: "x", name: "a" }), { name: "a" });
  assert.deepEqual(keyIn(POD, { namespace: "x", name: "a" }), { namespace: "x", name: "a" });
  assert(fieldsOf(POD).includes("metadata.name") && fieldsOf(POD).includes("status.phase"));
});
