import assert from "node:assert/strict";
import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { REVISION } from "../../src/api/revision.ts";
import { SECRET, type Secret } from "../../src/api/secret.ts";
import { SERVICE, type Service } from "../../src/api/service.ts";
import type { Place, Story } from "./place.ts";

export const VERIFY_STORIES: readonly Story[] = [
  {
    title: "a revision is verified: its image, its configuration and what that refers to",
    async act(place) {
      const { client } = place.varve;
      const meta = (name: string) => ({ namespace: place.namespace, name });
      const secret = { apiVersion: "v1", kind: "Secret", metadata: meta("db") };
      await client.create<Secret>({ ...secret, stringData: { X: "swordfish" } });
      await place.app("shop", "one");
      await place.done("deploy shop");
      const service = await client.get(SERVICE, meta("shop"));
      const { template } = service.spec;
      const containers = [
        { ...template?.spec?.containers?.[0], envFrom: [{ secretRef: { name: "db" } }] },
      ];
      const spec = { ...template?.spec, containers };
      await client.put<Service>({
        ...service,
        spec: { ...service.spec, template: { ...template, spec } },
      });
      await place.done("rollout status shop --watch");
      assert.equal(await place.answer(place.url("shop")), "one shop-00002 swordfish");
      await client.patch({ kind: SECRET, key: meta("db") }, { stringData: { X: "tuna" } });
      const { out } = await place.done("verify shop-00002");
      assert.match(out, /^same +image +sha256:/m);
      assert.match(out, /^same +configuration +shop-00002/m);
      assert.match(out, /^same +Secret db +shop-00002-\w+/m);
      assert.match(
        out,
        /shop-00002 is what it was made as: its identity is sha256:[0-9a-f]{64}\n$/,
      );
      await isSealed(place);
      await isDamaged(place);
      const none = await place.run("verify shop-00003");
      assert.equal(none.code, 1);
      assert.match(none.err, /no revision "shop-00003" .* \(did you mean "shop-0000\d"\?\)/);
    },
  },
];

/** Nothing of a copy can be read from the files of the store. */
async function isSealed({ varve }: Place): Promise<void> {
  const secret = Buffer.from("swordfish").toString("base64");
  for (const name of await readdir(varve.home)) {
    if (!name.startsWith("store.db")) continue;
    const bytes = await readFile(join(varve.home, name));
    assert.equal(bytes.includes(secret), false, `${name} has it`);
    assert.equal(bytes.includes("swordfish"), false, `${name} has it`);
  }
}

/** What was changed behind our back is told, with an exit code. */
async function isDamaged(place: Place): Promise<void> {
  const { client, home } = place.varve;
  const key = { namespace: place.namespace, name: "shop-00002" };
  const { status } = await client.get(REVISION, key);
  const digest = status?.containerStatuses?.[0]?.imageDigest?.replace(/^.*@sha256:/, "") ?? "";
  const manifest = JSON.parse(await readFile(blobIn(home, digest), "utf8"));
  const layer = manifest.layers[0].digest.replace("sha256:", "");
  const before = await readFile(blobIn(home, layer));
  await appendFile(blobIn(home, layer), "x");
  const changed = await place.run("verify shop-00002");
  await writeFile(blobIn(home, layer), before);
  assert.equal(changed.code, 1);
  assert.match(
    changed.out,
    /^differs +layer 1 of \d+ +sha256:\w+ +what is stored has another digest/m,
  );
  await place.done("verify shop-00002");
  const copy = status?.identity?.references?.[0]?.snapshot ?? "";
  await client.delete(await client.get(SECRET, { ...key, name: copy }));
  const gone = await place.run("verify shop-00002");
  assert.equal(gone.code, 1);
  assert.match(gone.out, /^differs +Secret db +\S+ +its snapshot Secret "\S+" is gone$/m);
}

function blobIn(home: string, digest: string): string {
  return join(home, "images", "blobs", "sha256", digest);
}
