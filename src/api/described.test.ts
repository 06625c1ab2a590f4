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

const TOLD: readonly Kind[] = [
  ...[NAMESPACE, CONFIG_MAP, EVENT, SECRET],
  ...[CONFIGURATION, REVISION, ROUTE, SERVICE],
];

test("kubectl explain has something to say of every field that a user writes", () => {
  const silent = TOLD.flatMap((kind) => silentIn(describedOf(kind), kind.kind));
  assert.deepEqual(
    silent.filter((path) => !path.includes(".status.")),
    [],
  );
});

function silentIn({ properties = {}, items, description }: Described, path: string): string[] {
  const fields = Object.entries(properties).flatMap(([name, it]) =>
    silentIn(it, `${path}.${name}`),
  );
  const inside = items === undefined ? [] : silentIn({ description: "", ...items }, path);
  return [...(description === undefined ? [path] : []), ...fields, ...inside];
}
