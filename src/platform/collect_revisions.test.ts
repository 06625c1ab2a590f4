import assert from "node:assert/strict";
import { test } from "node:test";
import { type Desk, makeDesk } from "../../test/world/desk.ts";
import { CONFIG_MAP, type ConfigMap } from "../api/config_map.ts";
import { CONFIGURATION, type Configuration } from "../api/configuration.ts";
import { LABEL } from "../api/labels.ts";
import { childOf } from "../api/meta.ts";
import { NAMESPACE, type Namespace } from "../api/namespace.ts";
import { REVISION, type Revision } from "../api/revision.ts";
import { silentLog } from "../base/log.ts";
import { silentRecorder } from "../control/recorder.ts";
import { CollectRevisions } from "./collect_revisions.ts";

test("what is past its time goes as the ConfigMap says, and a bad one is refused", async () => {
  const desk = await makeDesk();
  const configuration = await desk.client.create<Configuration>({
    ...{ apiVersion: CONFIGURATION.apiVersion, kind: CONFIGURATION.kind },
    metadata: { namespace: "default", name: "hello" },
    spec: { template: { spec: { containers: [{ image: "example.com/hello" }] } } },
  });
  for (const name of ["hello-1", "hello-2", "hello-3"])
    await addRevision(desk, name, configuration);
  const { client, cache, clock } = desk;
  const part = new CollectRevisions({
    ...{ client, cache, clock, recorder: silentRecorder, log: silentLog },
  });
  await part.collect();
  assert.equal(desk.names(REVISION).length, 3, "few are kept in any case");
  const settings = await configure(desk, { "max-non-active-revisions": "disabled" });
  clock.pass(100 * 3600);
  await part.collect();
  assert.equal(desk.names(REVISION).length, 3, "few still are");
  await assert.rejects(
    client.put<ConfigMap>({ ...settings, data: { "min-non-active-revisions": "none" } }),
    /data: .*min-non-active-revisions is "none": want a whole number from 0 to 999999999/,
  );
  await client.put<ConfigMap>({ ...settings, data: { "min-non-active-revisions": "1" } });
  await part.collect();
  assert.deepEqual(desk.names(REVISION), ["hello-3"]);
});

async function addRevision({ client }: Desk, name: string, owner: Configuration): Promise<void> {
  const metadata = {
    ...childOf(owner, name),
    labels: { [LABEL.configuration]: owner.metadata.name, [LABEL.routingState]: "reserve" },
  };
  const { apiVersion, kind } = REVISION;
  const { spec = {} } = owner.spec.template ?? {};
  await client.create<Revision>({ apiVersion, kind, metadata, spec });
}

async function configure({ client }: Desk, data: Record<string, string>): Promise<ConfigMap> {
  const home = { apiVersion: NAMESPACE.apiVersion, kind: NAMESPACE.kind };
  await client.create<Namespace>({ ...home, metadata: { name: "varve-system" } });
  const { apiVersion, kind } = CONFIG_MAP;
  const metadata = { namespace: "varve-system", name: "config-gc" };
  return await client.create<ConfigMap>({ apiVersion, kind, metadata, data });
}
