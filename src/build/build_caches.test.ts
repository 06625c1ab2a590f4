import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, systemClock } from "../base/clock.ts";
import { BuildCaches, touch } from "./build_caches.ts";

const DAY_MS = 24 * 3_600_000;
const MONTH = { idleMs: 30 * DAY_MS, bytesMax: 1_000_000 };
const NOTHING = { idleMs: 0, bytesMax: 0 };

let home = "";
let aheadMs = 0;
let caches: BuildCaches;
/** What happens once all is measured, as it is asked then what time it is. */
let middle: (() => void) | undefined;
const clock: Clock = {
  ...systemClock,
  now() {
    const act = middle;
    middle = undefined;
    act?.();
    return systemClock.now() + aheadMs;
  },
};
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "varve-caches-"));
  aheadMs = 0;
  caches = new BuildCaches({ home, clock });
});
afterEach(() => rmSync(home, { recursive: true }));

test("what no build has used for long goes: tools' caches whole, ours by the file", async () => {
  put("npm/_cacache/content-v2/aa", 10);
  put("yarn/aa", 20);
  put("manifest-files/sha256-old", 30);
  put("manifest-files/sha256-used", 40);
  used("npm", "manifest-files");
  aheadMs += 20 * DAY_MS;
  used("yarn", "manifest-files");
  assert(touch(join(home, "cache/manifest-files/sha256-used"), clock));
  assert.equal(await caches.collect(MONTH), 0);
  aheadMs += 20 * DAY_MS;
  assert.equal(await caches.collect(MONTH), 40);
  assert.deepEqual(left(), ["manifest-files/sha256-used", "yarn/aa"]);
  // Another life of the server knows it too.
  caches = new BuildCaches({ home, clock });
  aheadMs += 20 * DAY_MS;
  assert.equal(await caches.collect(MONTH), 60);
  assert.deepEqual(left(), []);
});

test("what is too much goes, used longest ago first, and no more than that", async () => {
  for (const [name, bytes] of Object.entries({ pnpm: 400, npm: 500, yarn: 300 })) {
    put(`${name}/store/v3/aa`, bytes);
    used(name);
    aheadMs += DAY_MS;
  }
  assert.equal(await caches.collect({ ...MONTH, bytesMax: 1200 }), 0);
  put("yarn/store/more", 100);
  // Nothing changes in it unless a build is at work.
  used("yarn");
  assert.equal(await caches.collect({ ...MONTH, bytesMax: 1200 }), 400);
  assert.deepEqual(left(), ["npm/store/v3/aa", "yarn/store/more", "yarn/store/v3/aa"]);
  assert.equal(await caches.collect({ ...MONTH, bytesMax: 399 }), 900);
  assert.deepEqual(left(), []);
});

test("what a build is at work with stays, also when it begins in the middle", async () => {
  for (const name of ["npm", "pnpm", "yarn"]) put(`${name}/aa`, 10);
  caches.use("npm", "one");
  caches.use("npm", "two");
  caches.release("one");
  aheadMs += DAY_MS;
  middle = () => {
    caches.use("pnpm", "three");
    used("yarn");
  };
  assert.equal(await caches.collect(NOTHING), 0);
  assert.equal(middle, undefined);
  caches.release("two");
  caches.release("three");
  aheadMs += DAY_MS;
  assert.equal(await caches.collect(NOTHING), 30);
});

test("a build that took long has used what it used until its end", async () => {
  caches.use("npm", "slow");
  put("npm/aa", 10);
  aheadMs += 40 * DAY_MS;
  caches.release("slow");
  assert.equal(await caches.collect(MONTH), 0);
});

test("a crash in the middle leaves nothing, also of what nobody may write", async () => {
  put("npm/aa", 10);
  used("npm");
  mkdirSync(join(home, "cache/.removed/locked"), { recursive: true });
  writeFileSync(join(home, "cache/.removed/locked/file"), "half");
  chmodSync(join(home, "cache/.removed/locked"), 0o500);
  assert.equal(await caches.collect(MONTH), 0);
  assert.deepEqual(readdirSync(join(home, "cache")), ["npm"]);
  assert.deepEqual(left(), ["npm/aa"]);
});

test("whoever builds while caches are collected finds what it has put there", async () => {
  let isOver = false;
  const builds = [1, 2, 3].map(async (builder) => {
    for (let n = 0; n < 60; n += 1) {
      const file = join(caches.use("npm", `${builder}`), `${builder}`);
      writeFileSync(file, `${n}`);
      await sleep(n % 3);
      assert.equal(readFileSync(file, "utf8"), `${n}`, `build ${n} of ${builder}`);
      caches.release(`${builder}`);
      await sleep(n % 5);
    }
  });
  const over = Promise.all(builds).finally(() => {
    isOver = true;
  });
  let freed = 0;
  while (!isOver) freed += await caches.collect({ idleMs: -1000, bytesMax: 0 });
  await over;
  assert(freed > 0, "between two builds it is free to go");
});

/** A file in a cache, as a build leaves it. */
function put(path: string, bytes: number): void {
  const at = join(home, "cache", path);
  mkdirSync(dirname(at), { recursive: true });
  writeFileSync(at, "x".repeat(bytes));
}

/** A build uses these, and ends. */
function used(...names: readonly string[]): void {
  for (const name of names) caches.use(name, "build");
  caches.release("build");
}

/** The files that are left in caches. */
function left(): readonly string[] {
  const entries = readdirSync(join(home, "cache"), { recursive: true, withFileTypes: true });
  const files = entries.filter((it) => it.isFile());
  const paths = files.map((it) => join(it.parentPath, it.name));
  assert(!existsSync(join(home, "cache/.removed")), "nothing lies about");
  return paths.map((it) => it.slice(join(home, "cache/").length)).toSorted();
}
