import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DiskImageStore } from "../../oci/disk.ts";
import { makeTestImage } from "../../oci/test_image.ts";
import { ask, specOf, untilReady, untilSo } from "../test_bed.ts";
import { ProcessBed } from "./process_bed.ts";

const TOOLS = {
  makeStore: (home: string) => new DiskImageStore({ home }),
  makeImage: makeTestImage,
};

test("what Node compiles of an image is kept for the next instance, and goes with it", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  const first = specOf(bed.app);
  await runtime.run(first);
  const env = JSON.parse(await ask(await untilReady(runtime, first.name), "/env"));
  const path = join(bed.home, "compiled", bed.app.replace(":", "-"), "own");
  assert.equal(env.NODE_COMPILE_CACHE, path);
  assert.equal(env.NODE_OPTIONS, undefined, "an app may run any Node, and older ones know less");
  await ask(await untilReady(runtime, first.name), "/exit/0").catch(() => {});
  await untilSo("it is written down", () => readdirSync(path).length > 0);
  const second = specOf(bed.app, { name: "default/hello-00001-again" });
  await runtime.run(second);
  const next = JSON.parse(await ask(await untilReady(runtime, second.name), "/env"));
  assert.equal(next.NODE_COMPILE_CACHE, path);
  const own = specOf(bed.app, { name: "default/own", env: { NODE_COMPILE_CACHE: "/tmp/mine" } });
  await runtime.run(own);
  const kept = JSON.parse(await ask(await untilReady(runtime, own.name), "/env"));
  assert.equal(kept.NODE_COMPILE_CACHE, "/tmp/mine");
  for (const { name } of [first, second, own]) await runtime.stop(name);
  await runtime.collect(new Set());
  assert.deepEqual(readdirSync(join(bed.home, "compiled")), []);
});
