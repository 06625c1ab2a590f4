import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CONFIG_MAP } from "../api/config_map.ts";
import type { Resource } from "../api/meta.ts";
import { SECRET } from "../api/secret.ts";
import { silentLog } from "../base/log.ts";
import { openDiskStore } from "../store/disk.ts";
import { KeyFile } from "./key_file.ts";

const CANARY = "c2FuYXJ5LWluLWEtY29hbG1pbmU=";

class Place implements AsyncDisposable {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  static async make(): Promise<Place> {
    return new Place(await mkdtemp(join(tmpdir(), "varve-keys-")));
  }

  at(name: string): string {
    return join(this.directory, name);
  }

  async open() {
    const vault = await KeyFile.open({ path: this.at("secrets.key"), log: silentLog });
    const store = await openDiskStore({ path: this.at("store.db"), log: silentLog, vault });
    await vault.settled();
    return { vault, store };
  }

  /** As a Varve of before there were keys. */
  async openPlain() {
    return await openDiskStore({ path: this.at("store.db"), log: silentLog });
  }

  /** Files of the store in which somebody could read the canary. */
  leaks(): readonly string[] {
    const files = globSync(join(this.directory, "store.db*"));
    return files.filter((file) => readFileSync(file).includes(CANARY));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}

function resourceOf(kind: typeof SECRET | typeof CONFIG_MAP, name: string): Resource {
  const meta = { uid: name, resourceVersion: "", generation: 1, creationTimestamp: "" };
  const head = { apiVersion: kind.apiVersion, kind: kind.kind };
  const metadata = { namespace: "default", name, ...meta };
  return { ...head, metadata, data: { token: CANARY } } as Resource;
}

const any = { expected: "any" } as const;
const KEY = { namespace: "default", name: "a" };

test("a Secret cannot be read in the store's file, and is the same after a start", async () => {
  await using place = await Place.make();
  {
    await using store = (await place.open()).store;
    await store.put(resourceOf(SECRET, "a"), any);
    await store.put(resourceOf(SECRET, "a"), any);
    await store.delete(await store.put(resourceOf(SECRET, "b"), any), any);
    assert.deepEqual(place.leaks(), []);
  }
  await using store = (await place.open()).store;
  assert.deepEqual(store.get(SECRET, KEY)?.data, { token: CANARY });
  const told: unknown[] = [];
  using _watch = store.watch(0, ({ resource }) => told.push({ ...resource }.metadata.name));
  assert.deepEqual([told, place.leaks()], [["a", "a", "b", "b"], []]);
});

test("other kinds are stored as they are", async () => {
  await using place = await Place.make();
  await using store = (await place.open()).store;
  await store.put(resourceOf(CONFIG_MAP, "a"), any);
  assert.notDeepEqual(place.leaks(), []);
});

test("Secrets that are not encrypted are at the next start, without a trace", async () => {
  await using place = await Place.make();
  {
    await using store = await place.openPlain();
    for (let times = 0; times < 300; times += 1) await store.put(resourceOf(SECRET, "a"), any);
    await store.delete(await store.put(resourceOf(SECRET, "b"), any), any);
    await store.compact(store.revision - 20);
  }
  assert.notDeepEqual(place.leaks(), []);
  {
    await using store = (await place.open()).store;
    assert.deepEqual(store.get(SECRET, KEY)?.data, { token: CANARY });
    assert.deepEqual(place.leaks(), []);
  }
  await using store = (await place.open()).store;
  assert.deepEqual(store.get(SECRET, KEY)?.data, { token: CANARY });
});

test("after a rotation the new key opens everything, and the old one nothing", async () => {
  await using place = await Place.make();
  const before = place.at("before.key");
  {
    const { store, vault } = await place.open();
    await using _store = store;
    for (let times = 0; times < 300; times += 1) await store.put(resourceOf(SECRET, "a"), any);
    await copyFile(place.at("secrets.key"), before);
    const { id, rows } = await vault.rotate([store]);
    assert.deepEqual([rows, /^[0-9a-f]{16}$/.test(id)], [300, true]);
    await store.put(resourceOf(SECRET, "b"), any);
  }
  {
    await using store = (await place.open()).store;
    assert.deepEqual(store.get(SECRET, KEY)?.data, { token: CANARY });
    assert.equal(JSON.parse(await readFile(place.at("secrets.key"), "utf8")).keys.length, 1);
  }
  await copyFile(before, place.at("secrets.key"));
  await assert.rejects(place.open(), /Secret default\/[ab] is encrypted with the key \w+, and/);
});

test("a rotation that was interrupted is finished by the next start", async () => {
  await using place = await Place.make();
  {
    const { store, vault } = await place.open();
    await using _store = store;
    await store.put(resourceOf(SECRET, "a"), any);
    const crash = { reseal: () => Promise.reject(new Error("crash")) };
    await assert.rejects(vault.rotate([crash]), /crash/);
    assert.equal(JSON.parse(await readFile(place.at("secrets.key"), "utf8")).keys.length, 2);
  }
  await using store = (await place.open()).store;
  assert.deepEqual(store.get(SECRET, KEY)?.data, { token: CANARY });
  assert.equal(JSON.parse(await readFile(place.at("secrets.key"), "utf8")).keys.length, 1);
});

for (const { title, spoil, says } of [
  {
    title: "is missing",
    spoil: (path: string) => rm(path),
    says: /Secret default\/a is encrypted with the key \w+, and the key file ".+" is missing/,
  },
  {
    title: "is another's",
    spoil: async (path: string) => {
      await using other = await Place.make();
      await using _store = (await other.open()).store;
      await copyFile(other.at("secrets.key"), path);
    },
    says: /is encrypted with the key \w{16}, and the key file ".+" has \w{16}; put the key file/,
  },
  {
    title: "is no JSON",
    spoil: (path: string) => writeFile(path, `{"keys": [${CANARY}`),
    says: /Cannot use the key file of Secrets ".+": it is no JSON; restore it/,
  },
  {
    title: "has a key that was changed",
    spoil: async (path: string) => {
      const text = await readFile(path, "utf8");
      await writeFile(path, text.replace(/"key": "../, '"key": "AA'));
    },
    says: /the key \w+ is not the one it was/,
  },
]) {
  test(`a key file that ${title} is an error at start, and nothing is lost`, async () => {
    await using place = await Place.make();
    const path = place.at("secrets.key");
    const kept = place.at("kept.key");
    {
      await using store = (await place.open()).store;
      await store.put(resourceOf(SECRET, "a"), any);
      await copyFile(path, kept);
    }
    await spoil(path);
    await assert.rejects(place.open(), says);
    await copyFile(kept, path);
    await chmod(path, 0o600);
    await using store = (await place.open()).store;
    assert.deepEqual(store.get(SECRET, KEY)?.data, { token: CANARY });
  });
}

test("what was sealed for one Secret is not taken for another's", async () => {
  await using place = await Place.make();
  const { store, vault } = await place.open();
  await using _store = store;
  const sealed = vault.seal("Secret/default/a", '{"a":1}');
  assert.equal(vault.open("Secret/default/a", sealed), '{"a":1}');
  assert.throws(() => vault.open("Secret/default/b", sealed), /Secret default\/b cannot be opened/);
  assert.equal(vault.seal("ConfigMap/default/a", "{}"), "{}");
});
