import assert from "node:assert/strict";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { isCode } from "../system_error.ts";
import { Cgroup } from "./cgroup.ts";
import { type CgroupPlace, ownCgroups } from "./cgroup_tree.ts";
import { killIfThere } from "./family.ts";
import { launch } from "./launch.ts";
import type { Plan } from "./plan.ts";

for (const version of [1, 2] as const)
  test(`a process joins before it begins, with all it starts, in version ${version}`, async (t) => {
    const cgroup = makeCgroup(version);
    if (cgroup === undefined) return t.skip(`no cgroup of version ${version} can be made here`);
    const output = openSync(devNull, "w");
    const plan: Plan = {
      command: ["/bin/sh", "-c", "sleep 60 & sleep 60 & wait"],
      directory: "/",
      tree: "/",
      env: {},
      user: {},
      caveats: [],
    };
    const { pid, ended } = await launch(plan, { output, cgroup, inherited: [] });
    closeSync(output);
    while (cgroup.pids().length < 3) await systemClock.sleep(5);
    assert(cgroup.pids().includes(pid));
    assert((cgroup.cpuNs() ?? 1) > 0);
    cgroup.kill();
    if (version === 1) for (const member of cgroup.pids()) killIfThere(member);
    assert.deepEqual(await ended, { signal: "SIGKILL" });
    await cgroup.remove(systemClock);
    assert.deepEqual(
      cgroup.places.filter(({ path }) => existsSync(path)),
      [],
    );
    assert.deepEqual([cgroup.pids(), cgroup.oomKills()], [[], 0]);
    await cgroup.remove(systemClock);
  });

/** A cgroup beside our own, in each hierarchy of a version. */
function makeCgroup(version: 1 | 2): Cgroup | undefined {
  const own = ownCgroups().filter((it) => it.version === version);
  const name = `varve-test-${process.pid}`;
  const places = own.map((it): CgroupPlace => ({ ...it, path: join(it.path, name) }));
  try {
    for (const { path } of places) mkdirSync(path);
  } catch (thrown) {
    if (isCode(thrown, "EACCES", "EROFS", "EPERM")) return undefined;
    throw thrown;
  }
  return places.length === 0 ? undefined : new Cgroup(places);
}
