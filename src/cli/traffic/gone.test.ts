import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceOf } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { REVISION } from "../../api/revision.ts";
import { SERVICE } from "../../api/service.ts";
import { isGone } from "./gone.ts";

test("what the template names is waited for until it was made, and gone when deleted", async () => {
  await using world = await World.make();
  await world.apply(SERVICE, serviceOf("shop", { template: { name: "shop-next" } }));
  const target = { revisionName: "shop-next", percent: 100 };
  const isGoneNow = () => isGone(target, { service: world.get(SERVICE, "shop"), revisions: [] });
  assert.equal(isGoneNow(), false);
  await world.settle();
  await world.client.delete(world.get(REVISION, "shop-next"));
  await world.settle();
  assert.equal(isGoneNow(), true);
});
