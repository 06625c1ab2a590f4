import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { thaw } from "../../base/thawing.ts";
import { DiskImageStore } from "../../oci/disk.ts";
import { makeTestImage } from "../../oci/test_image.ts";
import { ask, specOf, untilReady, untilSo } from "../test_bed.ts";
import { ProcessBed } from "./process_bed.ts";

const TOOLS = {
  makeStore: (home: string) => new DiskImageStore({ home }),
  makeImage: makeTestImage,
};

test("where there are no cgroups an instance is frozen by signals, and still ends", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  const cgroupRoot = join(bed.home, "no-cgroups-here");
  await using runtime = await bed.open({ cgroupRoot });
  const spec = specOf(bed.app);
  await runtime.run(spec);
  const instance = await untilReady(runtime, spec.name);
  await runtime.freeze(spec.name);
  await untilSo("it is stopped", () => stateOf(instance.pid ?? 0) === "T");
  await runtime.thaw(spec.name);
  assert.equal(await ask(instance, "/"), "hello");
  await runtime.freeze(spec.name);
  await runtime.stop(spec.name);
  assert.deepEqual(runtime.list(), []);
});

test("where there are cgroups, whoever does what the instance says thaws it", async (t) => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  const spec = specOf(bed.app);
  await runtime.run(spec);
  const before = await untilReady(runtime, spec.name);
  await runtime.freeze(spec.name);
  const { thaw: how } = runtime.get(spec.name) ?? {};
  if (how === undefined) {
    t.skip("there is no cgroup here that freezes");
    return;
  }
  assert.equal(thaw(how), true);
  assert.equal(await ask(before, "/"), "hello");
  assert.equal(runtime.get(spec.name)?.phase, "frozen", "nobody has told the runtime");
  await runtime.thaw(spec.name);
  assert.deepEqual(runtime.get(spec.name), before);
  await runtime.stop(spec.name);
  assert.equal(thaw(how), false);
});

function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[0] ?? "";
}
