import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { isCode, textOf } from "../system_error.ts";
import { processes } from "./process_table.ts";

/** A directory among the cgroups of one hierarchy. A machine has one of version 2, or several. */
export interface CgroupPlace {
  readonly path: string;
  readonly version: 1 | 2;
  /** What can be limited or counted there. */
  readonly controllers: readonly string[];
}

/** A place for cgroups of ours; without controllers there is none, and maybe a reason why. */
export interface CgroupBase extends CgroupPlace {
  readonly refusal?: string;
  /** The server's own beside it, where that is only there for its weight. */
  readonly serverPath?: string;
}

const WANTED_V1 = ["cpu", "cpuacct", "memory", "pids", "freezer"];
const WANTED_V2 = ["cpu", "memory", "pids"];

/** Where the server itself goes, as a cgroup of version 2 has processes or children, not both. */
const SERVER_LEAF = "varve-server";

/** What a cgroup weighs for each processor, and the most that one can weigh. */
const WEIGHTS = {
  1: { file: "cpu.shares", each: 1024, most: 262_144 },
  2: { file: "cpu.weight", each: 100, most: 10_000 },
} as const;

/** The cgroups this process is in, in each hierarchy that has a controller of use to us. */
export function ownCgroups(): readonly CgroupPlace[] {
  try {
    const cgroups = readFileSync("/proc/self/cgroup", "utf8");
    return cgroupsIn(cgroups, readFileSync("/proc/self/mountinfo", "utf8"));
  } catch (thrown) {
    if (isCode(thrown, "ENOENT")) return [];
    throw thrown;
  }
}

/** The same, of what the kernel says in `/proc/self/cgroup` and `/proc/self/mountinfo`. */
export function cgroupsIn(cgroups: string, mountinfo: string): readonly CgroupPlace[] {
  const own = cgroups
    .trim()
    .split("\n")
    .map((line) => /^\d+:([^:]*):(.*)$/.exec(line) ?? []);
  return mountinfo
    .trim()
    .split("\n")
    .flatMap((line) => placeAt(line, own));
}

/** One line is `id parent device root mount-point options [tags] - type source options`. */
function placeAt(line: string, own: readonly (readonly string[])[]): readonly CgroupPlace[] {
  const [left = "", right = ""] = line.split(" - ");
  const [, , , root = "", mount = ""] = left.split(" ").map(unescaped);
  const [type, , options = ""] = right.split(" ");
  if (type !== "cgroup" && type !== "cgroup2") return [];
  const version = type === "cgroup" ? 1 : 2;
  const has = options.split(",").filter((it) => WANTED_V1.includes(it));
  const isOf = (names: string) =>
    version === 2 ? names === "" : has.some((it) => names.split(",").includes(it));
  const [, , ownPath] = own.find(([, names]) => names !== undefined && isOf(names)) ?? [];
  if (ownPath === undefined) return [];
  const below = root === "/" ? ownPath : ownPath.startsWith(root) && ownPath.slice(root.length);
  // A cgroup that is not below this mount cannot be reached through it.
  if (below === false || below.startsWith("/..")) return [];
  const path = below === "/" ? mount : join(mount, below);
  return [{ path, version, controllers: version === 1 ? has : [] }];
}

function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
}

interface BaseOptions {
  /** Whether `parent` is what this process is in. */
  readonly isOwn: boolean;
}

/** Makes the place `name` below `parent`, where cgroups of instances can be made. */
export function makeBase(parent: CgroupPlace, name: string, { isOwn }: BaseOptions): CgroupBase {
  const above = isLeaf(parent.path) ? dirname(parent.path) : parent.path;
  const base = { path: join(above, name), version: parent.version };
  try {
    if (parent.version === 2) {
      const made = makeV2({ ...parent, path: above }, base.path);
      const serverPath = join(above, SERVER_LEAF);
      if (isOwn && made.controllers.includes("cpu")) balance(parent.path, { ...base, serverPath });
      return made;
    }
    mkdirSync(base.path, { recursive: true });
    const { controllers } = parent;
    if (controllers.includes("memory")) countChildren(base.path);
    if (!controllers.includes("cpu")) return { ...base, controllers };
    const serverPath = `${base.path}.${SERVER_LEAF}`;
    balance(parent.path, { ...base, serverPath });
    return { ...base, controllers, serverPath };
  } catch (thrown) {
    if (!isCode(thrown, "EACCES", "EPERM", "EROFS", "ENOENT")) throw thrown;
    return { ...base, controllers: [], refusal: `no cgroup can be made: ${textOf(thrown)}` };
  }
}

function isLeaf(path: string): boolean {
  const name = basename(path);
  return name === SERVER_LEAF || name.endsWith(`.${SERVER_LEAF}`);
}

type Scales = Required<Pick<CgroupBase, "path" | "version" | "serverPath">>;

/**
 * Has this server on one side and its instances on the other, each as heavy as all processors. If
 * not, all instances weigh as much as one thread; and if only those weighed more, they would leave
 * next to nothing for the server. Where it cannot be done nobody misses it: it is no promise.
 */
function balance(own: string, { path, version, serverPath }: Scales): void {
  const { file, each, most } = WEIGHTS[version];
  const weight = String(Math.min(most, each * availableParallelism()));
  try {
    mkdirSync(serverPath, { recursive: true });
    writeFileSync(join(serverPath, file), weight);
    if (own !== serverPath) move(ownProcesses(own), serverPath);
    writeFileSync(join(path, file), weight);
  } catch (thrown) {
    if (!isCode(thrown, "EACCES", "EPERM", "EROFS", "ENOENT", "EINVAL", "EBUSY")) throw thrown;
  }
}

/** Has this process leave the cgroup that it had for its weight, which goes with the last one. */
export function leaveServerPath(serverPath: string): void {
  try {
    const own = readFileSync(join(serverPath, "cgroup.procs"), "utf8").split("\n");
    if (own.includes(String(process.pid))) move([process.pid], dirname(serverPath));
    rmdirSync(serverPath);
  } catch (thrown) {
    if (!isCode(thrown, "ENOENT", "ENODEV", "EBUSY", "ENOTEMPTY", "EACCES", "EPERM", "EROFS"))
      throw thrown;
  }
}

/** Old kernels do so only on demand, new ones always, and none once there are children. */
function countChildren(path: string): void {
  try {
    writeFileSync(join(path, "memory.use_hierarchy"), "1");
  } catch (thrown) {
    if (!isCode(thrown, "EBUSY", "EINVAL", "ENOENT", "EACCES")) throw thrown;
  }
}

function makeV2(parent: CgroupPlace, path: string): CgroupBase {
  const there = readFileSync(join(parent.path, "cgroup.controllers"), "utf8").trim().split(" ");
  const wanted = WANTED_V2.filter((it) => there.includes(it));
  const base = { path, version: 2 } as const;
  // Where version 1 has the controllers, this one would do nothing for us.
  if (wanted.length === 0) return { ...base, controllers: [] };
  const refusal = enableUnder(parent.path, wanted);
  if (refusal !== undefined) return { ...base, controllers: [], refusal };
  mkdirSync(path, { recursive: true });
  enable(path, wanted);
  return { ...base, controllers: wanted };
}

/** Lets children of `path` have controllers; when it cannot, says why. */
export function enableUnder(path: string, controllers: readonly string[]): string | undefined {
  try {
    enable(path, controllers);
    return undefined;
  } catch (thrown) {
    if (!isCode(thrown, "EBUSY")) return `the controllers cannot be had: ${textOf(thrown)}`;
  }
  // There are processes in it. If it is only us, we can step aside.
  const leaf = join(path, SERVER_LEAF);
  mkdirSync(leaf, { recursive: true });
  const moved = ownProcesses(path);
  move(moved, leaf);
  try {
    enable(path, controllers);
    return undefined;
  } catch (thrown) {
    move(moved, path);
    rmdirSync(leaf);
    return (
      `other processes are in this server's cgroup (${textOf(thrown)}): start it in one of its ` +
      "own (with systemd: Delegate=yes), or name an empty one for it"
    );
  }
}

/** This server and what it started, as far as they are in a cgroup. */
function ownProcesses(path: string): readonly number[] {
  const inside = readFileSync(join(path, "cgroup.procs"), "utf8").split("\n").map(Number);
  const own = processes().filter(({ pid, parent }) => [pid, parent].includes(process.pid));
  return own.map(({ pid }) => pid).filter((pid) => inside.includes(pid));
}

function move(pids: readonly number[], path: string): void {
  for (const pid of pids) {
    try {
      writeFileSync(join(path, "cgroup.procs"), String(pid));
    } catch (thrown) {
      // It has ended meanwhile.
      if (!isCode(thrown, "ESRCH")) throw thrown;
    }
  }
}

function enable(path: string, controllers: readonly string[]): void {
  const file = join(path, "cgroup.subtree_control");
  const enabled = readFileSync(file, "utf8").trim().split(" ");
  const missing = controllers.filter((it) => !enabled.includes(it));
  if (missing.length > 0) writeFileSync(file, missing.map((it) => `+${it}`).join(" "));
}
