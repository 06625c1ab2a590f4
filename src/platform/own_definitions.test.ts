import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CUSTOM_RESOURCE_DEFINITION } from "../api/definition.ts";
import { KINDS } from "../api/kinds.ts";
import { SERVICE } from "../api/service.ts";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { silentLog } from "../base/log.ts";
import { openDiskStore } from "../store/disk.ts";
import { localClient } from "./local_client.ts";
import { OwnDefinitions } from "./own_definitions.ts";

test("a start writes a definition that is not what it should be, and no other", async () => {
  const directory = await mkdtemp(join(tmpdir(), "varve-definitions-"));
  const name = `${SERVICE.plural}.serving.knative.dev`;
  const start = async (isSpoiled = false) => {
    await using store = await openDiskStore({ path: join(directory, "store.db"), log: silentLog });
    const deps = { kinds: KINDS, store, clock: systemClock, chance: systemChance };
    const client = localClient(deps);
    await new OwnDefinitions({ ...deps, client }).start();
    const { revision } = store;
    const stored = await client.get(CUSTOM_RESOURCE_DEFINITION, { name });
    const spec = { ...(stored.spec as object), scope: "Cluster" };
    if (isSpoiled) await client.put({ ...stored, spec });
    return { revision, spec: stored.spec };
  };
  try {
    const first = await start();
    assert.deepEqual(await start(true), first);
    const last = await start();
    assert.deepEqual(last.spec, first.spec);
    assert(last.revision > first.revision + 1);
  } finally {
    await rm(directory, { recursive: true });
  }
});
