import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { DiskImageStore } from "../../oci/disk.ts";
import { makeTestImage } from "../../oci/test_image.ts";
import type { Runtime } from "../runtime.ts";
import { specOf, untilReady, untilSo } from "../test_bed.ts";
import { makeBase, ownCgroups } from "./cgroup_tree.ts";
import { Cgroups } from "./cgroups.ts";
import { killIfThere } from "./family.ts";
import { ProcessBed } from "./process_bed.ts";
import { processes } from "./process_table.ts";

const TOOLS = {
  makeStore: (home: string) => new DiskImageStore({ home }),
  makeImage: makeTestImage,
};
const SPIN = "while :; do :; done";
const NAMES = ["default/large-00001-a", "default/small-00001-a"] as const;

test("the server has a cgroup beside its instances while it needs one", (t) => {
  const name = `varve-test-${process.pid}`;
  const paths = () => ownCgroups().map(({ path }) => path);
  const before = paths();
  const cgroups = new Cgroups({ name, clock: systemClock });
  cgroups.start();
  const own = ownCgroups().find(({ path }) => path.endsWith(".varve-server"));
  if (own === undefined) {
    cgroups.removeBases();
    return t.skip("no cgroup of version 1 can be weighed here");
  }
  const read = (path: string) => readFileSync(join(path, "cpu.shares"), "utf8").trim();
  const base = own.path.replace(/\.varve-server$/, "");
  const all = String(1024 * availableParallelism());
  assert.deepEqual([read(own.path), read(base)], [all, all]);

  // A server that is started by one that has such a cgroup does not go below it.
  const next = new Cgroups({ name: `${name}-next`, clock: systemClock });
  next.start();
  assert.equal(paths().includes(`${base}-next.varve-server`), true);
  next.removeBases();
  cgroups.removeBases();
  assert.deepEqual([paths(), existsSync(own.path), existsSync(base)], [before, false, false]);
});

test("in version 2 both sides weigh the same", () => {
  // Directories that stand in for cgroups: they show what is written, not what it does.
  const above = mkdtempSync(join(tmpdir(), "varve-cgroup-"));
  for (const at of ["", "ours"]) {
    mkdirSync(join(above, at), { recursive: true });
    writeFileSync(join(above, at, "cgroup.subtree_control"), "cpu memory pids\n");
  }
  writeFileSync(join(above, "cgroup.controllers"), "cpuset cpu io memory pids\n");
  writeFileSync(join(above, "cgroup.procs"), `1\n${process.pid}\n`);
  const path = { path: above, version: 2, controllers: [] } as const;
  makeBase(path, "ours", { isOwn: true });
  const read = (file: string) => readFileSync(join(above, file), "utf8");
  const weight = String(100 * availableParallelism());
  const weights = ["varve-server/cpu.weight", "ours/cpu.weight"].map(read);
  assert.deepEqual(
    [weights, read("varve-server/cgroup.procs")],
    [[weight, weight], `${process.pid}`],
  );
  rmSync(above, { recursive: true });
});

test("with more to do than processors, server and instances have half each", async (t) => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  if (!ownCgroups().some(({ path }) => path.endsWith(".varve-server")))
    return t.skip("no cgroup of version 1 can be weighed here");
  // More than there are processors, for each of them to want all of the machine.
  const many = 2 * availableParallelism();
  const command = ["sh", "-c", `for n in $(seq ${many}); do (${SPIN}) & done; wait`];
  for (const [at, name] of NAMES.entries()) {
    const limits = { cpuShares: [768, 256][at] ?? 0 };
    const readiness = { exec: { command: ["true"] } };
    await runtime.run(specOf(bed.app, { name, command, limits, readiness, graceMs: 0 }));
    await untilReady(runtime, name);
  }
  // As workers of the gateway are: each has a session of its own.
  const workers = Array.from({ length: 4 * many }, () =>
    spawn("sh", ["-c", SPIN], { detached: true, stdio: "ignore" }),
  );
  try {
    const busy = await spent(runtime, workers);
    within(busy.large / busy.small, 3, "instances have the processor by what they ask for");
    within(busy.server / (busy.large + busy.small), 1, "what is busy in the server has half");
    for (const worker of workers.slice(1)) killIfThere(worker.pid ?? 0);
    const alone = await spent(runtime, workers.slice(0, 1));
    const part = alone.server / (alone.large + alone.small);
    assert(part > 0.2, `one that is busy in the server has ${part.toFixed(2)} of what all have`);
  } finally {
    for (const worker of workers) killIfThere(worker.pid ?? 0);
  }
});

/** How much of two seconds of processor time the instances have, and processes of the server. */
async function spent(runtime: Runtime, workers: readonly ChildProcess[]) {
  const pids = new Set(workers.map(({ pid }) => pid));
  const look = async () => {
    const usages = await Promise.all(NAMES.map((name) => runtime.usage(name)));
    const rows = processes().filter(({ pid }) => pids.has(pid));
    const server = rows.reduce((sum, { cpuNs }) => sum + cpuNs, 0);
    return [server, ...usages.map((it) => it?.cpuNs ?? 0)];
  };
  const before = await look();
  let passed: readonly number[] = [];
  await untilSo("they have two seconds of processor time", async () => {
    const now = await look();
    passed = now.map((it, at) => it - (before[at] ?? 0));
    return passed.reduce((sum, it) => sum + it, 0) > 2e9;
  });
  const [server = 0, large = 0, small = 0] = passed;
  return { server, large, small };
}

/** Others use this machine as well, at one moment more than at another. */
function within(found: number, wanted: number, what: string): void {
  assert(found > wanted / 2 && found < wanted * 2, `${what}: ${found.toFixed(2)}, not ${wanted}`);
}
