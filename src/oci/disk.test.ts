import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { DiskImageStore } from "./disk.ts";
import { imageStoreSuite } from "./image_store.suite.ts";
import { digestOf, makeTestImage, piecesOf } from "./test_image.ts";

let directory = "";
const stores: DiskImageStore[] = [];
let made = 0;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "varve-images-"));
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

imageStoreSuite({
  makeStore: () => makeStore(),
  makeDirectory() {
    made += 1;
    const path = join(directory, `directory-${made}`);
    mkdirSync(path);
    return path;
  },
});

test("what a store holds is there again after a restart, names too", async () => {
  const one = await makeStore();
  const { digest, blobs } = await makeTestImage();
  for (const bytes of blobs.values()) await one.putBlob(piecesOf(bytes));
  await Promise.all(Array.from({ length: 20 }, (_, n) => one.tag(`app:${n}`, digest)));
  const two = await makeStore();
  assert.equal(await two.resolve("app:0"), digest);
  assert.equal(await two.resolve("app:19"), digest);
  assert.equal((await two.image(digest)).digest, digest);
});

test("the home is an OCI image layout, which other tools can read", async () => {
  const store = await makeStore();
  const { digest, manifest, blobs } = await makeTestImage();
  for (const bytes of blobs.values()) await store.putBlob(piecesOf(bytes));
  await store.tag("app:1", digest);
  const home = join(directory, "home");
  const json = (name: string) => JSON.parse(readFileSync(join(home, name), "utf8")) as unknown;
  assert.deepEqual(json("oci-layout"), { imageLayoutVersion: "1.0.0" });
  const { mediaType } = manifest;
  const size = blobs.get(digest)?.length;
  const annotations = { "org.opencontainers.image.ref.name": "docker.io/library/app:1" };
  assert.deepEqual(json("index.json"), {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [{ mediaType, digest, size, annotations }],
  });
  for (const name of readdirSync(join(home, "blobs/sha256"))) {
    assert.equal(digestOf(readFileSync(join(home, "blobs/sha256", name))), `sha256:${name}`);
  }
});

test("what a crash left half written is swept away at the start, and is no blob", async () => {
  mkdirSync(join(directory, "home/tmp"), { recursive: true });
  writeFileSync(join(directory, "home/tmp/1"), "half");
  writeFileSync(join(directory, "home/index.json.new"), "half");
  const store = await makeStore();
  assert.deepEqual(readdirSync(join(directory, "home/tmp")), []);
  const { digest } = await store.putBlob(piecesOf(Buffer.from("whole")));
  assert.equal(await store.blobBytes(digest), 5);
});

test("what an interrupted unpacking left does not get into the next one", async () => {
  const store = await makeStore();
  const { digest, blobs } = await makeTestImage();
  for (const bytes of blobs.values()) await store.putBlob(piecesOf(bytes));
  mkdirSync(join(directory, ".to.partial"));
  writeFileSync(join(directory, ".to.partial/stale"), "");
  await store.unpack(digest, join(directory, "to"));
  assert.deepEqual(readdirSync(join(directory, "to")), ["hello"]);
  assert.deepEqual(readdirSync(directory).toSorted(), ["home", "to"]);
});

test("an index that is damaged is told, not taken for an empty one", async () => {
  await makeStore();
  writeFileSync(join(directory, "home/index.json"), "{");
  await assert.rejects(makeStore(), {
    reason: "UNAVAILABLE",
    message: /the index of images ".*index.json" cannot be used/,
  });
});

test("on a full disk a blob is refused as such, and nothing is left of it", (t) => {
  const isolated = ["--user", "--map-root-user", "--mount"];
  if (spawnSync("unshare", [...isolated, "true"]).status !== 0) {
    return t.skip("this system lets nobody mount a small disk of their own");
  }
  const home = join(directory, "small");
  mkdirSync(home);
  const script = 'mount -t tmpfs -o size=256k tmpfs "$1" && shift && exec "$@"';
  const node = [process.execPath, join(import.meta.dirname, "test_full_disk.mjs"), home];
  const args = [...isolated, "sh", "-c", script, "sh", home, ...node];
  const said = execFileSync("unshare", args, { encoding: "utf8" });
  assert.equal(said, `NO_SPACE Cannot store a blob: the disk of "${home}" is full\n0\n`);
});

async function makeStore(): Promise<DiskImageStore> {
  const store = new DiskImageStore({ home: join(directory, "home") });
  stores.push(store);
  await store.start();
  return store;
}
