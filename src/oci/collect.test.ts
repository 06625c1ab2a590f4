import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { systemChance } from "../base/chance.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { HttpClient } from "../base/http_client.ts";
import { DiskImageStore } from "./disk.ts";
import type { Digest } from "./oci.ts";
import { RemoteRegistry } from "./registry.ts";
import { makeTestImage, piecesOf, type TestImage } from "./test_image.ts";
import { TestRegistry } from "./test_registry.ts";

const HOUR_MS = 3_600_000;
const NONE: ReadonlySet<Digest> = new Set();

let directory = "";
let aheadMs = 0;
let images: DiskImageStore;
const http = new HttpClient();
const clock: Clock = {
  ...systemClock,
  now: () => systemClock.now() + aheadMs,
  elapsed: () => systemClock.elapsed() + aheadMs,
};
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "varve-collect-"));
  aheadMs = 0;
  images = new DiskImageStore({ home: directory, clock });
  await images.start();
});
afterEach(async () => {
  await images[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

test("what somebody has asked for within the time stays, with all of its parts", async () => {
  const { digest, blobs } = await put(await makeTestImage());
  aheadMs += 2 * HOUR_MS;
  await images.image(digest);
  aheadMs += HOUR_MS / 2;
  assert.equal(await images.collect(NONE, HOUR_MS), 0);
  aheadMs += HOUR_MS;
  assert.equal(await images.collect(NONE, HOUR_MS), bytesOf(blobs));
  assert.deepEqual([...readdirSync(join(directory, "blobs/sha256"))], []);
  assert.deepEqual(readdirSync(join(directory, "tmp")), []);
});

test("a name that means another image holds the last one no longer", async () => {
  const one = await put(await makeTestImage());
  const two = await put(await makeTestImage({ layers: [{ other: "" }] }));
  await images.tag("app:1", one.digest);
  await images.tag("app:1", two.digest);
  aheadMs += 2 * HOUR_MS;
  assert.equal(await images.collect(NONE, HOUR_MS), bytesOf(one.blobs));
  assert.equal(await images.resolve("app:1"), two.digest);
});

test("a note of what a digest means goes with its image, so that it is fetched again", async () => {
  await using server = new TestRegistry();
  await server.start();
  const image = await makeTestImage();
  server.add("app:1", image);
  const name = `${server.host}/app@${image.digest}`;
  const registry = new RemoteRegistry({ images, http, clock, chance: systemChance });
  await registry.pull(name);
  const index = join(directory, "index.json");
  assert.match(readFileSync(index, "utf8"), /app@sha256/);
  aheadMs += 2 * HOUR_MS;
  await images.collect(NONE, HOUR_MS);
  assert.equal(await images.resolve(name), undefined);
  assert.doesNotMatch(readFileSync(index, "utf8"), /app@sha256/);
  assert.equal(await registry.pull(name), image.digest);
  await images.unpack(image.digest, join(directory, "to"));
});

test("an image that has lost a part is not here, and is fetched again", async () => {
  await using server = new TestRegistry();
  await server.start();
  const image = await put(await makeTestImage());
  server.add("app:1", image);
  const name = `${server.host}/app@${image.digest}`;
  assert.equal(await images.resolve(name), image.digest);
  const [layer] = image.manifest.layers;
  rmSync(join(directory, "blobs/sha256", layer?.digest.slice("sha256:".length) ?? ""));
  assert.equal(await images.resolve(name), undefined);
  const registry = new RemoteRegistry({ images, http, clock, chance: systemChance });
  await registry.pull(name);
  await images.unpack(image.digest, join(directory, "to"));
});

test("whoever pulls while images are collected has whole ones, whenever it comes", async () => {
  await using server = new TestRegistry();
  await server.start();
  const layers = [{ shared: "1" }, { also: "2" }, { text: "3" }];
  const all = await Promise.all(
    [1, 2, 3, 4].map((n) => makeTestImage({ layers: [...layers, { own: `${n}` }] })),
  );
  for (const [at, image] of all.entries()) server.add(`app:${at}`, image);
  const registry = new RemoteRegistry({ images, http, clock, chance: systemChance });
  for (let round = 0; round < 25; round += 1) {
    // All that is here is idle, and is asked for again while it is being removed.
    aheadMs += 2 * HOUR_MS;
    const pulls = all.map((_, at) => registry.pull(`${server.host}/app:${at}`));
    const [digests] = await Promise.all([Promise.all(pulls), images.collect(NONE, HOUR_MS)]);
    for (const digest of digests) {
      const { manifest } = await images.image(digest);
      for (const part of [manifest.config, ...manifest.layers]) {
        assert.equal(await images.blobBytes(part.digest), part.size, `round ${round}`);
      }
    }
  }
});

async function put(image: TestImage): Promise<TestImage> {
  for (const [digest, bytes] of image.blobs) await images.putBlob(piecesOf(bytes), digest);
  return image;
}

function bytesOf(blobs: TestImage["blobs"]): number {
  return [...blobs.values()].reduce((sum, { length }) => sum + length, 0);
}
