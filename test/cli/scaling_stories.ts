import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { REVISION, type RevisionStatus } from "../../src/api/revision.ts";
import { SERVICE } from "../../src/api/service.ts";
import type { Place, Story } from "./place.ts";

/** The autoscaler's shortest window, so that a story about rest has not to rest for long. */
const ANNOTATIONS = { "varve.dev/window": "6s", "varve.dev/frozen-for": "4s" };

const DEADLINE_MS = 60_000;

/** What becomes of a service that nobody asks for, and of the request that comes then. */
export const SCALING_STORIES: readonly Story[] = [
  {
    title: "a service that rests is frozen, then stopped, and answers whoever comes at any time",
    async act(place) {
      await place.app("shop", "one");
      await place.done("deploy shop");
      const key = { namespace: place.namespace, name: "shop" };
      await place.varve.client.patch(
        { kind: SERVICE, key },
        { metadata: { annotations: ANNOTATIONS } },
      );
      await until(place, (status) => rests(status) && status.frozenReplicas === 1);
      assert.match(await place.answer(place.url("shop")), /^one shop-00001 /);
      await until(place, (status) => !rests(status) && status.coldStart?.from === "frozen");
      await until(place, (status) => rests(status) && status.frozenReplicas === 1);
      await until(place, (status) => rests(status) && status.frozenReplicas === undefined);
      assert.match(await place.answer(place.url("shop")), /^one shop-00001 /);
      await until(place, ({ coldStart, actualReplicas }) => {
        return coldStart?.from === "stopped" && coldStart.readyMs > 0 && actualReplicas === 1;
      });
      const { items } = await place.varve.client.list(REVISION, { namespace: place.namespace });
      assert.equal(items.length, 1, "none of this made a Revision");
    },
  },
];

/** Waits until the status of the only Revision is so. */
async function until(place: Place, isSo: (status: RevisionStatus) => boolean): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const key = { namespace: place.namespace, name: "shop-00001" };
    const { status = {} } = await place.varve.client.get(REVISION, key);
    if (isSo(status)) return;
    assert(Date.now() < deadline, `it never comes to be: ${JSON.stringify(status)}`);
    await sleep(100);
  }
}

function rests({ desiredReplicas, actualReplicas }: RevisionStatus): boolean {
  return desiredReplicas === 0 && actualReplicas === 0;
}
