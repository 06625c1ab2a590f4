import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG_MAP } from "../api/config_map.ts";
import { isReason } from "../api/error.ts";
import { KINDS } from "../api/kinds.ts";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { MemoryStore } from "../store/memory.ts";
import { configMap } from "../store/store.suite.ts";
import { CONTROLLER } from "./context.ts";
import { putResource } from "./put_resource.ts";

test("who replaces without a version wins over others, and who names one does not", async () => {
  const store = new MemoryStore();
  const context = { kinds: KINDS, store, clock: systemClock, chance: systemChance };
  const { apiVersion, kind } = CONFIG_MAP;
  const stored = await store.put(configMap("a"), { expected: "absent" });
  const put = (text: string, resourceVersion?: string) =>
    putResource(context, {
      ...{ kind: CONFIG_MAP, key: { namespace: "default", name: "a" }, caller: CONTROLLER },
      body: { apiVersion, kind, metadata: { name: "a", resourceVersion }, data: { text } },
    });
  const { resourceVersion } = stored.metadata;
  const named = [put("x", resourceVersion), put("y", resourceVersion)];
  await Promise.all([put("1"), put("2"), put("3")]);
  const outcomes = await Promise.allSettled(named);
  const failed = outcomes.filter((it) => it.status === "rejected").map((it) => it.reason);
  assert(failed.length > 0 && failed.every((it) => isReason(it, "Conflict")));
  assert.equal(store.get(CONFIG_MAP, stored.metadata)?.data?.["text"], "3");
});
