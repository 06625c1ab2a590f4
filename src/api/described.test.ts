import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG_MAP } from "./config_map.ts";
import { CONFIGURATION } from "./configuration.ts";
import { type Described, describedOf } from "./described.ts";
import { EVENT } from "./event.ts";
import type { Kind } from "./kind.ts";
import { NAMESPACE } from "./namespace.ts";
import { REVISION } from "./revision.ts";
import { ROUTE } from "./route.ts";
import { SECRET } from "./secret.ts";
import { SERVICE } from "./service.ts";
import { TRAFFIC_POLICY } from "./traffic_policy.ts";

const TOLD: readonly Kind[] = [
  ...[NAMESPACE, CONFIG_MAP, EVENT, SECRET],
  ...[CONFIGURATION, REVISION, ROUTE, SERVICE, TRAFFIC_POLICY],
];

test("kubectl explain has something to say of every field that a user writes", () => {
  const silent = TOLD.flatMap((kind) => silentIn(describedOf(kind), kind.kind));
  assert.deepEqual(
    silent.filter((path) => !path.includes(".status.")),
    [],
  );
});

test("a field is explained by what it means where it stands", () => {
  const { spec } = describedOf(TRAFFIC_POLICY).properties ?? {};
  const limit = spec?.properties?.["rateLimits"]?.items?.properties as Described["properties"];
  assert.equal(limit?.["requests"]?.description, "So many requests in the time of per.");
});

function silentIn({ properties = {}, items, description }: Described, path: string): string[] {
  const fields = Object.entries(properties).flatMap(([name, it]) =>
    silentIn(it, `${path}.${name}`),
  );
  const inside = items === undefined ? [] : silentIn({ description: "", ...items }, path);
  return [...(description === undefined ? [path] : []), ...fields, ...inside];
}
