import assert from "node:assert/strict";
import { test } from "node:test";
import { cgroupsIn } from "./cgroup_tree.ts";

const V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";
const HYBRID = [
  "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct",
  "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
  "36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices",
  "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
].join("\n");

test("on a machine with version 2 there is one place for all", () => {
  const own = "0::/system.slice/varve.service\n";
  assert.deepEqual(cgroupsIn(own, V2_MOUNT), [
    { path: "/sys/fs/cgroup/system.slice/varve.service", version: 2, controllers: [] },
  ]);
});

test("where versions are mixed, each controller has its own place", () => {
  const own = "9:devices:/\n5:memory:/jobs/7\n1:cpu,cpuacct:/\n0::/user\n";
  assert.deepEqual(cgroupsIn(own, HYBRID), [
    { path: "/sys/fs/cgroup/cpu,cpuacct", version: 1, controllers: ["cpu", "cpuacct"] },
    { path: "/sys/fs/cgroup/memory/jobs/7", version: 1, controllers: ["memory"] },
    { path: "/sys/fs/cgroup/unified/user", version: 2, controllers: [] },
  ]);
});

test("in a container, what is mounted begins at the container's cgroup", () => {
  const mount = "30 23 0:26 /docker/abc /my\\040cgroups ro - cgroup2 cgroup2 rw";
  const path = "/my cgroups";
  assert.deepEqual(cgroupsIn("0::/docker/abc\n", mount), [{ path, version: 2, controllers: [] }]);
  assert.deepEqual(cgroupsIn("0::/docker/other\n", mount), []);
  assert.deepEqual(cgroupsIn("0::/../up\n", V2_MOUNT), []);
});
