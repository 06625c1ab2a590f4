import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { Limits } from "../runtime.ts";
import { isCode, textOf } from "../system_error.ts";
import { Cgroup } from "./cgroup.ts";
import {
  type CgroupBase,
  type CgroupPlace,
  leaveServerPath,
  makeBase,
  ownCgroups,
} from "./cgroup_tree.ts";
import { killIfThere } from "./family.ts";

export interface CgroupsOptions {
  /** Tells those of this server from others'. */
  readonly name: string;
  /** A cgroup of version 2 to make ours in, instead of the server's own. */
  readonly root?: string | undefined;
  readonly clock: Clock;
}

/** What a cgroup shall limit. */
export interface CgroupLimits extends Limits {
  readonly pidsMax: number;
}

/** What was made, and what could not be. */
export interface Made {
  /** Absent where no cgroup can be made. */
  readonly cgroup?: Cgroup;
  readonly caveats: readonly string[];
}

type Setting = readonly [need: "must" | "may", file: string, value: string];

const PERIOD_US = 100_000;

/** Cgroups for instances, as far as this machine lets us make any: version 1, 2, or both mixed. */
export class Cgroups {
  readonly #options: CgroupsOptions;
  #bases: readonly CgroupBase[] = [];

  constructor(options: CgroupsOptions) {
    this.#options = options;
  }

  start(): void {
    const { name, root } = this.#options;
    const parents: readonly CgroupPlace[] =
      root === undefined ? ownCgroups() : [{ path: root, version: 2, controllers: [] }];
    const isOwn = root === undefined;
    this.#bases = parents.map((parent) => makeBase(parent, name, { isOwn }));
  }

  /** A new cgroup. Its name must not have been used before. */
  make(name: string, limits: CgroupLimits): Made {
    const places = this.#bases
      .filter(({ controllers }) => controllers.length > 0)
      .map(({ path, version, controllers }) => ({ path: join(path, name), version, controllers }));
    for (const { path } of places) mkdirSync(path, { recursive: true });
    const caveats = [
      ...this.#limit(places, "memory", limits.memoryBytes),
      ...this.#limit(places, "cpu", limits.cpuMillis),
    ];
    // A share is no promise, and nobody asked for the other, so nobody misses them.
    this.#limit(places, "share", limits.cpuShares);
    this.#limit(places, "pids", limits.pidsMax);
    return places.length === 0 ? { caveats } : { cgroup: new Cgroup(places), caveats };
  }

  /** Kills and removes the cgroups that are none of these. */
  async sweep(names: ReadonlySet<string>): Promise<void> {
    const bases = this.#bases.filter(({ controllers }) => controllers.length > 0);
    const left = bases.flatMap(({ path }) =>
      readdirSync(path, { withFileTypes: true })
        .filter((it) => it.isDirectory() && !names.has(it.name))
        .map((it) => it.name),
    );
    for (const name of new Set(left)) {
      const places = bases.map((base) => ({ ...base, path: join(base.path, name) }));
      const cgroup = new Cgroup(places);
      cgroup.kill();
      cgroup.thaw();
      for (const pid of cgroup.pids()) killIfThere(pid);
      await cgroup.remove(this.#options.clock);
    }
  }

  /** Removes the places for our cgroups, unless one is left. */
  removeBases(): void {
    for (const { path, serverPath } of this.#bases) {
      if (serverPath !== undefined) leaveServerPath(serverPath);
      try {
        rmdirSync(path);
      } catch (thrown) {
        if (!isCode(thrown, "ENOENT", "EBUSY", "ENOTEMPTY", "EACCES", "EROFS")) throw thrown;
      }
    }
  }

  #limit(
    places: readonly CgroupPlace[],
    kind: keyof typeof SETTINGS,
    limit: number | undefined,
  ): readonly string[] {
    if (limit === undefined) return [];
    const controller = kind === "share" ? "cpu" : kind;
    const say = (why: string) => [`the ${kind} limit is not enforced: ${why}`];
    const place = places.find(({ controllers }) => controllers.includes(controller));
    if (place === undefined) return say(this.#refusal(controller));
    for (const [need, file, value] of SETTINGS[kind](limit, place.version)) {
      try {
        writeFileSync(join(place.path, file), value);
      } catch (thrown) {
        if (need === "must") return say(`${file} cannot be set to ${value}: ${textOf(thrown)}`);
      }
    }
    return [];
  }

  #refusal(controller: string): string {
    const said = this.#bases.find(({ refusal }) => refusal !== undefined)?.refusal;
    if (said !== undefined) return said;
    if (process.platform !== "linux") return "only Linux has cgroups";
    return `this server's cgroup has no ${controller} controller`;
  }
}

function memorySettings(limit: number, version: 1 | 2): readonly Setting[] {
  const bytes = String(limit);
  // What may not be held in memory may not be held in swap space instead.
  if (version === 1)
    return [
      ["must", "memory.limit_in_bytes", bytes],
      ["may", "memory.memsw.limit_in_bytes", bytes],
    ];
  return [
    ["must", "memory.max", bytes],
    ["may", "memory.swap.max", "0"],
    ["may", "memory.oom.group", "1"],
  ];
}

function cpuSettings(limit: number, version: 1 | 2): readonly Setting[] {
  const quotaUs = Math.max(1000, Math.round((limit * PERIOD_US) / 1000));
  if (version === 2) return [["must", "cpu.max", `${quotaUs} ${PERIOD_US}`]];
  return [
    ["must", "cpu.cfs_period_us", String(PERIOD_US)],
    ["must", "cpu.cfs_quota_us", String(quotaUs)],
  ];
}

/** The weight is what Kubernetes makes of such shares. */
function shareSettings(shares: number, version: 1 | 2): readonly Setting[] {
  if (version === 1) return [["must", "cpu.shares", String(shares)]];
  return [["must", "cpu.weight", String(Math.floor(((shares - 2) * 9999) / 262_142) + 1)]];
}

function pidsSettings(limit: number): readonly Setting[] {
  return [["must", "pids.max", String(limit)]];
}

const SETTINGS = {
  memory: memorySettings,
  cpu: cpuSettings,
  share: shareSettings,
  pids: pidsSettings,
};
