import assert from "node:assert/strict";
import { test } from "node:test";
import { makeDesk } from "../../test/world/desk.ts";
import { SERVICE, type Service } from "../api/service.ts";
import { ADMINISTRATOR } from "./authentication.ts";
import { getScale, putScale } from "./scale_resource.ts";

const KEY = { namespace: "default", name: "shop" };
const PLACE = { kind: SERVICE, key: KEY };
const CALLER = { caller: ADMINISTRATOR, fieldManager: "kubectl" };

async function deskWithShop() {
  const desk = await makeDesk();
  const spec = { template: { spec: { containers: [{ image: "127.0.0.1:1/shop:1" }] } } };
  const { apiVersion, kind } = SERVICE;
  await desk.client.create<Service>({ apiVersion, kind, metadata: KEY, spec });
  return desk;
}

test("the scale of a Service is the floor of its next Revision", async () => {
  const { context, find } = await deskWithShop();
  assert.equal(getScale(context, PLACE).spec?.replicas, 0);
  const patch = { body: { spec: { replicas: 3 } }, type: "merge" as const };
  const scale = await putScale(context, { ...PLACE, ...CALLER, ...patch });
  assert.deepEqual(
    [scale.spec, scale.status],
    [{ replicas: 3 }, { replicas: 0, selector: "serving.knative.dev/service=shop" }],
  );
  const { spec, metadata } = find(SERVICE, KEY) ?? assert.fail("it is there");
  const annotations = spec.template?.metadata?.annotations;
  assert.deepEqual(annotations, { "autoscaling.knative.dev/min-scale": "3" });
  assert.equal(metadata.generation, 2);
  const owner = metadata.managedFields?.find(({ subresource }) => subresource === "scale");
  assert.equal(owner?.manager, "kubectl");
});

test("a scale that is none, or was seen too long ago, changes nothing", async () => {
  const { context } = await deskWithShop();
  const put = (spec: object, metadata: object = {}) => {
    const body = { ...getScale(context, PLACE), spec };
    return putScale(context, { ...PLACE, ...CALLER, body: { ...body, metadata } });
  };
  await assert.rejects(put({ replicas: -1 }), /must be greater than or equal to 0/);
  await assert.rejects(put({}), /spec\.replicas: Required value/);
  await assert.rejects(put({ replicas: 1 }, { resourceVersion: "1" }), /has been modified/);
  await assert.rejects(put({ replicas: 1 }, { name: "other" }), /in the body/);
  assert.equal(getScale(context, PLACE).spec?.replicas, 0);
});
