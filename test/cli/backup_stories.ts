import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { CONFIG_MAP, type ConfigMap } from "../../src/api/config_map.ts";
import { REVISION } from "../../src/api/revision.ts";
import { SECRET, type Secret } from "../../src/api/secret.ts";
import { silentLog } from "../../src/base/log.ts";
import { KeyFile } from "../../src/platform/key_file.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import type { Ended } from "./command_line.ts";
import type { Place, Story } from "./place.ts";

const WRITERS = 8;

/** What was answered, in the order of the answers. */
interface Answered {
  readonly name: string;
  readonly count: string;
  readonly revision: number;
}

export const BACKUP_STORIES: readonly Story[] = [
  {
    title: "a backup under load is of one moment, and comes back whole in a new home",
    async act(place) {
      await place.app("shop", "backed up");
      await place.done("deploy shop");
      await place.varve.client.create<Secret>(secretIn(place.namespace));
      const over = new AbortController();
      const answered: Answered[] = [];
      const writing = Array.from({ length: WRITERS }, (_, writer) =>
        write(place, `c${writer}`, { answered, signal: over.signal }),
      );
      while (answered.length < 5 * WRITERS) await new Promise((resolve) => setTimeout(resolve, 5));
      const before = answered.length;
      const args = ["all.tar", "--images", "--keys"];
      const { revision, resources } = await place.json<Head>("backup", ...args);
      over.abort();
      await Promise.all(writing);
      assert(
        answered.slice(0, before).every((it) => it.revision <= revision),
        "all from before",
      );
      const ended = await restore(place, "all.tar", "--home", place.at("new"), "--json");
      assert.equal(ended.code, 0, ended.err);
      assert.equal(JSON.parse(ended.out).resources, resources);
      const vault = await KeyFile.open({ path: place.at("new/secrets.key"), log: silentLog });
      const path = place.at("new/store.db");
      await using store = await openDiskStore({ path, vault, log: silentLog });
      const secret = store.get(SECRET, { namespace: place.namespace, name: "word" });
      assert.deepEqual(secret?.data, { word: "c2VzYW1l" });
      for (let writer = 0; writer < WRITERS; writer += 1) {
        const name = `c${writer}`;
        const last = answered.filter((it) => it.name === name && it.revision <= revision).at(-1);
        const found = store.get(CONFIG_MAP, { namespace: place.namespace, name });
        assert.equal(found?.data?.["count"], last?.count, `${name} as of revision ${revision}`);
        assert.equal(found?.metadata.resourceVersion, String(last?.revision));
      }
      const [shop] = store.list(REVISION, place.namespace);
      assert.match(JSON.stringify(shop?.status), /sha256:/, "with what it was built to");
      const [old, kept] = [place.varve.home, place.at("new")].map((home) => {
        return ["pki/ca.crt", "pki/token"].map((path) => readFileSync(join(home, path), "utf8"));
      });
      assert.deepEqual(kept, old);
      assert(existsSync(place.at("new/images/index.json")));
    },
  },
  {
    title: "a backup is never put over a store unasked, nor is a bad one put anywhere",
    async act(place) {
      await place.done("backup it.tar");
      const again = await place.run("backup it.tar");
      assert.deepEqual([again.code, again.out], [3, ""]);
      assert.match(
        again.err,
        /"\/.*it\.tar" is there already\n {2}Name another file, or add --for/,
      );
      const running = await restore(place, "it.tar", "--home", place.varve.home, "--replace");
      assert.equal(running.code, 1);
      assert.match(running.err, /^varve restore: Cannot restore into ".*": its server runs; stop/);
      const home = place.at("home");
      await restored(place, "it.tar", "--home", home);
      const over = await restore(place, "it.tar", "--home", home);
      assert.equal(over.code, 3);
      assert.match(over.err, /there is a store, ".*store\.db"; add --replace, which keeps the old/);
      const { out } = await restored(place, "it.tar", "--home", home, "--replace");
      const [, aside = ""] = /^What was there before is in (.*)$/m.exec(out) ?? [];
      await using old = await openDiskStore({ path: join(aside, "store.db"), log: silentLog });
      await using now = await openDiskStore({ path: join(home, "store.db"), log: silentLog });
      assert.deepEqual(now.list(CONFIG_MAP), old.list(CONFIG_MAP));
      const bytes = readFileSync(place.at("it.tar"));
      writeFileSync(place.at("short.tar"), bytes.subarray(0, bytes.length - 3000));
      const short = await restore(place, "short.tar", "--home", place.at("none"));
      assert.equal(short.code, 1);
      assert.match(short.err, /Cannot restore "short\.tar": .*; nothing was changed: try another/);
      assert(!existsSync(place.at("none/store.db")));
    },
  },
  {
    title: "a server does not start on half a restore",
    async act(place) {
      const home = place.at("half");
      await mkdir(home);
      writeFileSync(join(home, "restoring.note"), "it.tar\n");
      const { code, err } = await place.main("serve", "--home", home, "--log-level", "silent");
      assert.equal(code, 1);
      assert.match(err, /a restore was begun, and not ended; run "varve restore BACKUP --replace"/);
      assert(!existsSync(join(home, "store.db")));
    },
  },
];

function secretIn(namespace: string) {
  const { apiVersion, kind } = SECRET;
  return { apiVersion, kind, metadata: { namespace, name: "word" }, data: { word: "c2VzYW1l" } };
}

interface Head {
  readonly revision: number;
  readonly resources: number;
}

interface Writing {
  readonly answered: Answered[];
  readonly signal: AbortSignal;
}

/** Writes to one ConfigMap again and again. */
async function write(place: Place, name: string, { answered, signal }: Writing): Promise<void> {
  const { apiVersion, kind } = CONFIG_MAP;
  const { client } = place.varve;
  const metadata = { namespace: place.namespace, name };
  const draft = { apiVersion, kind, metadata, data: { count: "0" } };
  let last = await client.create<ConfigMap>(draft);
  for (let count = 1; !signal.aborted; count += 1) {
    const { resourceVersion } = last.metadata;
    answered.push({ name, count: last.data?.["count"] ?? "", revision: Number(resourceVersion) });
    last = await client.put<ConfigMap>({ ...last, data: { count: String(count) } });
  }
}

function restore(place: Place, ...args: readonly string[]): Promise<Ended> {
  return place.main("restore", ...args);
}

async function restored(place: Place, ...args: readonly string[]): Promise<Ended> {
  const ended = await restore(place, ...args);
  assert.equal(ended.code, 0, ended.err);
  return ended;
}
