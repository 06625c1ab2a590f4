import assert from "node:assert/strict";
import { test } from "node:test";
import { type Desk, makeDesk } from "../../test/world/desk.ts";
import { CONFIG_MAP, type ConfigMap } from "../api/config_map.ts";
import { ApiError } from "../api/error.ts";
import type { Resource } from "../api/meta.ts";
import { SERVICE, type Service } from "../api/service.ts";
import { applyResource } from "./apply_resource.ts";
import { ADMINISTRATOR } from "./authentication.ts";
import { patchResource } from "./patch_resource.ts";

const NAME = { namespace: "default", name: "shop" };

interface Applying {
  readonly by: string;
  readonly isForced?: boolean;
}

async function apply(desk: Desk, body: object, { by, isForced = false }: Applying) {
  const request = { caller: ADMINISTRATOR, fieldManager: by, isForced };
  return await applyResource(desk.context, { kind: CONFIG_MAP, key: NAME, body, ...request });
}

async function applyService(desk: Desk, container: object, by: string): Promise<Service> {
  const body = { spec: { template: { spec: { containers: [container] } } } };
  const request = { caller: ADMINISTRATOR, fieldManager: by };
  const what = { kind: SERVICE, key: NAME, body, ...request };
  return (await applyResource(desk.context, what)).resource;
}

async function refusalOf(attempt: Promise<unknown>): Promise<ApiError["status"]> {
  try {
    await attempt;
  } catch (thrown) {
    assert.ok(thrown instanceof ApiError, String(thrown));
    return thrown.status;
  }
  return assert.fail("it was not refused");
}

/** Who owns what, each as its name and its fields. */
function owners({ metadata }: Resource): unknown {
  return metadata.managedFields?.map((it) => [it.manager, it.operation, it.fieldsV1]);
}

test("what is applied first is made, and its fields belong to the applier", async () => {
  const desk = await makeDesk();
  const labels = { team: "green" };
  const first = await apply(desk, { data: { a: "1" }, metadata: { labels } }, { by: "one" });
  assert.equal(first.isNew, true);
  const fields = { "f:data": { "f:a": {} }, "f:metadata": { "f:labels": { "f:team": {} } } };
  assert.deepEqual(owners(first.resource), [["one", "Apply", fields]]);
  const again = await apply(desk, { data: { a: "1" }, metadata: { labels } }, { by: "one" });
  assert.deepEqual(again, { resource: first.resource, isNew: false });
});

test("what an applier says no longer goes, and what others have set stays", async () => {
  const desk = await makeDesk();
  await apply(desk, { data: { a: "1", b: "2" } }, { by: "one" });
  await apply(desk, { data: { b: "2", c: "3" } }, { by: "two" });
  const { resource } = await apply(desk, { data: {} }, { by: "one" });
  assert.deepEqual((resource as ConfigMap).data, { b: "2", c: "3" });
  const [, two] = resource.metadata.managedFields ?? [];
  assert.deepEqual(two?.fieldsV1, { "f:data": { "f:b": {}, "f:c": {} } });
});

test("who would change what others own is told whose it is, unless it insists", async () => {
  const desk = await makeDesk();
  await apply(desk, { data: { a: "1" } }, { by: "one" });
  const change = {
    kind: CONFIG_MAP,
    key: NAME,
    type: "merge" as const,
    patch: { data: { b: "1" } },
  };
  const caller = ADMINISTRATOR;
  await patchResource(desk.context, { ...change, caller, fieldManager: "hand" });
  const status = await refusalOf(apply(desk, { data: { a: "2", b: "2" } }, { by: "two" }));
  const hand = '"hand" using v1 at 2026-01-01T00:00:00Z';
  const told = ['conflicts with "one":', "- .data.a", `conflicts with ${hand}:`, "- .data.b"];
  assert.deepEqual(
    [status.code, status.reason, status.message, status.details?.causes],
    [
      409,
      "Conflict",
      `Apply failed with 2 conflicts: ${told.join("\n")}`,
      [
        { reason: "FieldManagerConflict", message: 'conflict with "one"', field: ".data.a" },
        { reason: "FieldManagerConflict", message: `conflict with ${hand}`, field: ".data.b" },
      ],
    ],
  );
  const all = { "f:data": { "f:a": {}, "f:b": {} } };
  const forced = await apply(desk, { data: { a: "2", b: "2" } }, { by: "two", isForced: true });
  assert.deepEqual(owners(forced.resource), [["two", "Apply", all]]);
});

test("lists are merged by their keys: one has the image, another an environment", async () => {
  const desk = await makeDesk();
  await applyService(desk, { image: "127.0.0.1:1/shop:1", env: [{ name: "A", value: "1" }] }, "ci");
  const { spec } = await applyService(desk, { env: [{ name: "B", value: "2" }] }, "ops");
  const [container, ...others] = spec.template?.spec?.containers ?? [];
  assert.deepEqual(others, []);
  assert.equal(container?.image, "127.0.0.1:1/shop:1");
  assert.deepEqual(container?.env?.map(({ name }) => name).sort(), ["A", "B"]);
  const without = await applyService(desk, { image: "127.0.0.1:1/shop:2" }, "ci");
  const [left] = without.spec.template?.spec?.containers ?? [];
  assert.deepEqual([left?.image, left?.env], ["127.0.0.1:1/shop:2", [{ name: "B", value: "2" }]]);
});

test("a port that is applied in place of another takes its place", async () => {
  const desk = await makeDesk();
  const image = "127.0.0.1:1/shop:1";
  await applyService(desk, { image, ports: [{ containerPort: 9000 }] }, "ci");
  const { spec } = await applyService(desk, { image, ports: [{ containerPort: 9001 }] }, "ci");
  const [container] = spec.template?.spec?.containers ?? [];
  assert.deepEqual(container?.ports, [{ containerPort: 9001, protocol: "TCP" }]);
});

test("two elements of one key cannot be applied", async () => {
  const desk = await makeDesk();
  const env = [
    { name: "A", value: "1" },
    { name: "A", value: "2" },
  ];
  const status = await refusalOf(applyService(desk, { image: "127.0.0.1:1/shop:1", env }, "ci"));
  assert.equal(status.code, 400);
  assert.match(status.message ?? "", /^duplicate entries for key \[name="A"\]/);
});

test("the traffic of a Service belongs to one as a whole", async () => {
  const desk = await makeDesk();
  await applyService(desk, { image: "127.0.0.1:1/shop:1" }, "ci");
  const traffic = [{ latestRevision: true, percent: 100, tag: "now" }];
  const body = { spec: { traffic } };
  const what = { kind: SERVICE, key: NAME, body, caller: ADMINISTRATOR, fieldManager: "ops" };
  const { resource } = await applyResource(desk.context, { ...what, isForced: true });
  const ops = resource.metadata.managedFields?.find(({ manager }) => manager === "ops");
  assert.deepEqual(ops?.fieldsV1, { "f:spec": { "f:traffic": {} } });
});
