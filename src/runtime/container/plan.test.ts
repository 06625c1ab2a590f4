import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageConfig, RunConfig } from "../../oci/oci.ts";
import type { InstanceSpec } from "../runtime.ts";
import { specOf } from "../test_bed.ts";
import { planOf } from "./plan.ts";

const AROUND = {
  image: "varve.local/a:b",
  network: "varve",
  isDirect: true,
  labels: { "varve.dev/server": "a" },
  mounts: [],
  pidsMax: 99,
};
const IMAGE: RunConfig = { Entrypoint: ["/app"], Cmd: ["--port", "$(PORT)"], Env: ["A=1", "B=2"] };

function plan(change: Partial<InstanceSpec>, config: RunConfig = IMAGE, around = AROUND) {
  const rootfs = { type: "layers", diff_ids: [] } as const;
  const image: ImageConfig = { os: "linux", architecture: "amd64", config, rootfs };
  // biome-ignore lint/suspicious/noExplicitAny: it is looked into, field by field
  return planOf(specOf("sha256:", change), image, around) as any;
}

test("a container gets the port it asks for, its variables, and the image's command", () => {
  const { Entrypoint, Cmd, Env, ExposedPorts, HostConfig } = plan({ env: { B: "3" }, port: 81 });
  assert.deepEqual([Entrypoint, Cmd], [["/app"], ["--port", "$(PORT)"]]);
  assert.deepEqual(Env, ["A=1", "B=3", "PORT=81"]);
  assert.deepEqual([ExposedPorts, HostConfig.PortBindings], [{ "81/tcp": {} }, undefined]);
});

test("args take the place of the image's, and a command that of both", () => {
  const args = plan({ args: ["$(B)"] });
  assert.deepEqual([args.Entrypoint, args.Cmd], [["/app"], ["2"]]);
  const command = plan({ command: ["/other", "x"] });
  assert.deepEqual([command.Entrypoint, command.Cmd], [["/other"], ["x"]]);
  assert.throws(() => plan({}, {}), /neither an entry point nor a command/);
});

test("where its address cannot be reached, its port is one of 127.0.0.1", () => {
  const { HostConfig } = plan({}, IMAGE, { ...AROUND, isDirect: false });
  const bindings = { "8080/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] };
  assert.deepEqual(HostConfig.PortBindings, bindings);
});

test("limits are those asked for, and as much swap again is not given", () => {
  const { HostConfig } = plan({ limits: { memoryBytes: 1000, cpuMillis: 250, cpuShares: 128 } });
  const { Memory, MemorySwap, NanoCpus, CpuShares, PidsLimit } = HostConfig;
  assert.deepEqual([Memory, MemorySwap, PidsLimit], [1000, 1000, 99]);
  assert.deepEqual([NanoCpus, CpuShares], [250_000_000, 128]);
});

const USERS = [
  { asked: {}, image: "", is: undefined },
  { asked: {}, image: "node:staff", is: "node:staff" },
  { asked: { uid: 5 }, image: "node:staff", is: "5" },
  { asked: { gid: 7 }, image: "", is: "0:7" },
  { asked: { gid: 7 }, image: "node:staff", is: "node:7" },
  { asked: { uid: 5, gid: 7 }, image: "", is: "5:7" },
];

for (const { asked, image, is } of USERS)
  test(`user ${JSON.stringify(asked)} of an image with "${image}" is ${is ?? "left out"}`, () => {
    assert.equal(plan({ user: asked }, { ...IMAGE, User: image }).User, is);
  });

test("what must not run as root does not, whoever says so", () => {
  const security = { isNeverRoot: true };
  assert.throws(() => plan({ security }), /the image's own user is root: give another runAsUser/);
  const root = { security, user: { uid: 0 } };
  assert.throws(() => plan(root, { ...IMAGE, User: "node" }), /runAsUser is 0/);
  assert.equal(plan({ security }, { ...IMAGE, User: "node" }).User, "node");
});

test("rights are taken and given as asked, and never all", () => {
  const security = {
    isRootReadOnly: true,
    mayGainPrivileges: false,
    isSeccompOff: true,
    addedCapabilities: ["NET_ADMIN"],
    droppedCapabilities: ["ALL"],
  };
  const { ReadonlyRootfs, CapAdd, CapDrop, SecurityOpt, Privileged } = plan({
    security,
  }).HostConfig;
  assert.deepEqual([ReadonlyRootfs, CapAdd, CapDrop], [true, ["NET_ADMIN"], ["ALL"]]);
  assert.deepEqual(SecurityOpt, ["no-new-privileges", "seccomp=unconfined"]);
  assert.equal(Privileged, false);
});
