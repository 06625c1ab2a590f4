import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { DiskImageStore } from "../../oci/disk.ts";
import { makeTestImage } from "../../oci/test_image.ts";
import { keyOf } from "../key.ts";
import type { Instance } from "../runtime.ts";
import { specOf, until, untilReady, untilSo } from "../test_bed.ts";
import { ownCgroups } from "./cgroup_tree.ts";
import { Cgroups } from "./cgroups.ts";
import { TOKEN_VARIABLE } from "./environment.ts";
import type { BedRecord } from "./process_bed.ts";
import { ProcessBed } from "./process_bed.ts";
import { processesWith } from "./process_table.ts";

const TOOLS = {
  makeStore: (home: string) => new DiskImageStore({ home }),
  makeImage: makeTestImage,
};
const NAME = "default/hello-00001-x7k2p";
const PLACES = [
  { place: "in a cgroup" },
  { place: "without a cgroup", options: { cgroupRoot: "/nowhere" } },
];
const MEGABYTE = 1024 * 1024;
const EATER = `const held = []; for (;;) held.push(Buffer.alloc(${MEGABYTE}, 1));`;

test("an instance that needs more memory than its limit is ended, and that is said", async (t) => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  const limits = { memoryBytes: 100 * MEGABYTE };
  await runtime.run(specOf(bed.app, { limits, command: ["node", "-e", EATER] }));
  if (lacks(t, runtime.get(NAME))) return;
  const { lastExit, message } = await until(runtime, NAME, (it) => it.lastExit !== undefined);
  assert.deepEqual([lastExit?.reason, lastExit?.signal], ["OutOfMemory", "SIGKILL"]);
  assert.match(message, /^it needed more memory than its limit allows; /);
});

test("the limits are where the kernel reads them, for all that the instance starts", async (t) => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open({ pidsMax: 77 });
  const limits = { memoryBytes: 200 * MEGABYTE, cpuMillis: 250, cpuShares: 128 };
  await runtime.run(specOf(bed.app, { limits }));
  const instance = await untilReady(runtime, NAME);
  if (lacks(t, instance)) return;
  const found = (v1: string, v2: string) => readCgroup(bed, v1, v2);
  assert.equal(found("memory.limit_in_bytes", "memory.max"), String(200 * MEGABYTE));
  assert.equal(found("pids.max", "pids.max"), "77");
  assert.match(found("cpu.cfs_quota_us", "cpu.max"), /^25000( 100000)?$/);
  assert.match(found("cpu.shares", "cpu.weight"), /^(128|5)$/);
  const usage = await runtime.usage(NAME);
  assert(usage !== undefined && usage.memoryBytes < 200 * MEGABYTE);
});

test("an instance has no more processes than it may, and all of them are ended", async (t) => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open({ pidsMax: 40 });
  const bomb = `
    const { spawn } = require("node:child_process");
    let made = 0;
    for (let n = 0; n < 100; n += 1)
      spawn("sleep", ["60"]).on("error", () => {}).on("spawn", () => { made += 1; });
    process.nextTick(() => process.nextTick(() => process.stdout.write(made + "\\n")));
  `;
  const spec = { command: ["node", "-e", bomb], graceMs: 100 };
  await runtime.run(specOf(bed.app, spec));
  await until(runtime, NAME, ({ pid }) => pid !== undefined);
  if (!recordOf(bed).run?.cgroup.some(({ controllers }) => controllers.includes("pids")))
    return t.skip("no cgroup here limits the number of processes");
  const lines = () => Array.fromAsync(runtime.log(NAME), ({ text }) => Number(text));
  await untilSo("it has tried", async () => (await lines()).length === 1);
  const [made = 0] = await lines();
  assert(made > 5 && made < 40, `it has made ${made}`);
  await runtime.stop(NAME);
  assert.deepEqual(leftCgroups(bed), []);
});

test("without cgroups limits are caveats, and usage is counted all the same", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open({ cgroupRoot: "/nowhere" });
  const limits = { memoryBytes: 200 * MEGABYTE, cpuMillis: 250 };
  await runtime.run(specOf(bed.app, { limits }));
  const { caveats } = await untilReady(runtime, NAME);
  assert.equal(caveats.length, 2);
  assert.match(caveats[0] ?? "", /^the memory limit is not enforced: no cgroup can be made: .*ENO/);
  assert.match(caveats[1] ?? "", /^the cpu limit is not enforced: /);
  const usage = await runtime.usage(NAME);
  assert(usage !== undefined && usage.cpuNs > 0 && usage.memoryBytes > 10 * MEGABYTE);
});

test("in version 2, children are given the controllers, and their limits", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  // A directory that stands in for a delegated cgroup: it shows what is written, not what it does.
  const root = join(bed.storeHome, "cgroup");
  mkdirSync(join(root, "ours"), { recursive: true });
  writeFileSync(join(root, "cgroup.controllers"), "cpuset cpu io memory pids\n");
  for (const at of ["", "ours"]) writeFileSync(join(root, at, "cgroup.subtree_control"), "\n");
  const cgroups = new Cgroups({ name: "ours", root, clock: systemClock });
  cgroups.start();
  const limits = { memoryBytes: 64 * MEGABYTE, cpuMillis: 1500, cpuShares: 1024, pidsMax: 10 };
  assert.deepEqual(cgroups.make("one.0", limits).caveats, []);
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  assert.equal(read("cgroup.subtree_control"), "+cpu +memory +pids");
  assert.equal(read("ours/cgroup.subtree_control"), "+cpu +memory +pids");
  const names = ["memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "pids.max"];
  assert.equal(read("ours/one.0/cpu.weight"), "39");
  const values = names.map((name) => read(join("ours/one.0", name)));
  assert.deepEqual(values, [String(64 * MEGABYTE), "0", "1", "150000 100000", "10"]);
});

for (const { place, options } of PLACES) {
  test(`stopping ends all that an instance started, whatever it says to it, ${place}`, async () => {
    await using bed = await ProcessBed.make(TOOLS);
    await using runtime = await bed.open(options);
    const deaf = "trap '' TERM; while :; do sleep 0.1; done";
    const script = `trap '' TERM; (${deaf})& setsid sh -c "${deaf}"& echo up; ${deaf}`;
    const exec = { command: ["true"] };
    const spec = { command: ["sh", "-c", script], graceMs: 100, readiness: { exec } };
    await runtime.run(specOf(bed.app, spec));
    const { pid } = await untilReady(runtime, NAME);
    const token = processesWith(TOKEN_VARIABLE).get(pid ?? 0);
    const left = () => [...processesWith(TOKEN_VARIABLE)].filter(([, it]) => it === token);
    await untilSo("it has a family", () => left().length >= 3);
    await runtime.stop(NAME);
    assert.deepEqual(left(), []);
    assert.deepEqual(leftCgroups(bed), []);
  });

  test(`an instance that tidies up has its grace time, and no more, ${place}`, async () => {
    await using bed = await ProcessBed.make(TOOLS);
    await using runtime = await bed.open(options);
    const last = "echo tidying; sleep 0.2; echo done; exit 0";
    const tidy = `trap '${last}' TERM; echo up; while :; do sleep 0.05; done`;
    const readiness = { exec: { command: ["true"] } };
    // The first process ends at once, and what it started needs the time.
    const command = ["sh", "-c", `sh -c "${tidy}" & wait`];
    await runtime.run(specOf(bed.app, { command, readiness, graceMs: 60_000 }));
    await untilReady(runtime, NAME);
    const lines = async () => await Array.fromAsync(runtime.log(NAME), ({ text }) => text);
    await untilSo("it is up", async () => (await lines()).includes("up"));
    await runtime.stop(NAME);
    const told = (await lines()).filter((line) => line !== "Terminated");
    assert.deepEqual(told, ["up", "tidying", "done"]);
  });
}

/** Whether this machine lets us limit nothing; then the test is left out. */
function lacks(context: TestContext, instance: Instance | undefined): boolean {
  const [caveat] = instance?.caveats ?? [];
  if (caveat !== undefined) context.skip(caveat);
  return caveat !== undefined;
}

/** What a file of an instance's cgroup says, in whichever version has it. */
function readCgroup(bed: ProcessBed, v1: string, v2: string): string {
  const places = recordOf(bed).run?.cgroup ?? [];
  const files = places.map(({ path, version }) => join(path, version === 1 ? v1 : v2));
  return readFileSync(files.find((it) => existsSync(it)) ?? v1, "utf8").trim();
}

function recordOf({ home }: ProcessBed): BedRecord {
  return JSON.parse(readFileSync(join(home, "instances", keyOf(NAME), "record.json"), "utf8"));
}

/** The cgroups that are left of a runtime's instances. */
function leftCgroups({ home }: ProcessBed): readonly string[] {
  const id = createHash("sha256").update(realpathSync(home)).digest("hex").slice(0, 12);
  const bases = ownCgroups().map(({ path }) => join(path, `varve-${id}`));
  return bases
    .filter((it) => existsSync(it))
    .flatMap((it) => readdirSync(it).filter((name) => name.startsWith("default")));
}
