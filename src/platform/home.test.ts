import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../base/log.ts";
import { openDiskStore } from "../store/disk.ts";
import { type Home, homeAt, makeHome } from "./home.ts";

class Place implements AsyncDisposable {
  readonly home: Home;
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
    this.home = homeAt(join(directory, "home"));
  }

  static async make(): Promise<Place> {
    return new Place(await mkdtemp(join(tmpdir(), "varve-home-")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }
}

test("others may pass a new home, and look at nothing, whatever the umask", async () => {
  const umask = process.umask(0o022);
  try {
    for (const another of [0o000, 0o022, 0o077]) {
      await using place = await Place.make();
      process.umask(another);
      await makeHome(place.home);
      const store = await openDiskStore({ path: place.home.store, log: silentLog });
      const { path, ...parts } = place.home;
      const own = [parts.pki, parts.images, parts.builds, parts.store, `${parts.store}-wal`];
      assert.deepEqual(await modes([path, ...own]), ["711", "700", "700", "700", "600", "600"]);
      await store[Symbol.asyncDispose]();
    }
  } finally {
    process.umask(umask);
  }
});

test("a home that is there keeps its mode, and what others could read is closed", async () => {
  await using place = await Place.make();
  const { path, images, store } = place.home;
  await mkdir(images, { recursive: true });
  await writeFile(store, "");
  const ofBefore = [path, images, store] as const;
  for (const [index, mode] of [0o750, 0o755, 0o644].entries())
    await chmod(ofBefore[index] ?? "", mode);
  await makeHome(place.home);
  assert.deepEqual(await modes(ofBefore), ["750", "700", "600"]);
});

async function modes(paths: readonly string[]): Promise<readonly string[]> {
  const all = await Promise.all(paths.map((path) => stat(path)));
  return all.map(({ mode }) => (mode & 0o777).toString(8));
}
