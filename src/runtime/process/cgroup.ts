import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { type Thawing, thaw } from "../../base/thawing.ts";
import { isCode } from "../system_error.ts";
import type { CgroupPlace } from "./cgroup_tree.ts";

/** Files to write "0" to in order to join; to be closed by whoever opened them. */
export interface Doors extends Disposable {
  readonly fds: readonly number[];
}

const REMOVE_TRIES_MAX = 100;

/** The cgroup of one run of an instance: a directory in each hierarchy, with the same processes. */
export class Cgroup {
  /** Where it is, so that it can be found again. */
  readonly places: readonly CgroupPlace[];

  constructor(places: readonly CgroupPlace[]) {
    this.places = places;
  }

  /** Opens the ways in, for a process that may have too few rights to do so by itself. */
  openDoors(): Doors {
    const fds: number[] = [];
    const close = () => {
      for (const fd of fds.splice(0)) closeSync(fd);
    };
    try {
      // By "tasks" a process of one thread joins at once; by "cgroup.procs" the kernel first makes
      // sure of all threads of the machine, which takes some milliseconds.
      for (const { path, version } of this.places)
        fds.push(openSync(join(path, version === 1 ? "tasks" : "cgroup.procs"), "w"));
    } catch (thrown) {
      close();
      throw thrown;
    }
    return { fds, [Symbol.dispose]: close };
  }

  /** Takes a process in that runs already. Being gone is no failure. */
  take(pid: number): void {
    for (const { path } of this.places)
      writeIfThere(join(path, "cgroup.procs"), String(pid), "ESRCH");
  }

  /** All processes in it, and in what they made below it. */
  pids(): readonly number[] {
    const [main] = this.places;
    if (main === undefined) return [];
    return [main.path, ...below(main.path)].flatMap((path) =>
      numbersIn(join(path, "cgroup.procs")),
    );
  }

  /** Kills all in it at once where the kernel can do that; otherwise keeps it from growing. */
  kill(): void {
    for (const { path, version, controllers } of this.places) {
      if (version === 2) writeIfThere(join(path, "cgroup.kill"), "1");
      if (controllers.includes("pids")) writeIfThere(join(path, "pids.max"), "0");
    }
  }

  /** Takes the processor from all in it; answers whether the kernel can do that here. */
  freeze(): boolean {
    const freezer = this.#freezer;
    return freezer !== undefined && writeIfThere(freezer.path, freezer.frozen, "EACCES", "EPERM");
  }

  /** Gives it back. Of what is not frozen nothing happens. */
  thaw(): boolean {
    const { thawing } = this;
    return thawing !== undefined && thaw(thawing);
  }

  /** How to give it back, where the kernel can take it. */
  get thawing(): Thawing | undefined {
    const freezer = this.#freezer;
    return freezer && { path: freezer.path, text: freezer.thawed };
  }

  cpuNs(): number | undefined {
    const counted = this.#file("cpuacct", "cpuacct.usage");
    if (counted !== undefined) return Number(textIn(counted));
    const main = this.places.find(({ version }) => version === 2);
    const text = main === undefined ? "" : textIn(join(main.path, "cpu.stat"));
    const [, micros] = /^usage_usec (\d+)$/m.exec(text) ?? [];
    return micros === undefined ? undefined : Number(micros) * 1000;
  }

  memoryBytes(): number | undefined {
    const file = this.#file("memory", "memory.usage_in_bytes", "memory.current");
    const text = file === undefined ? "" : textIn(file);
    return text === "" ? undefined : Number(text);
  }

  /** How many of its processes were killed because the memory ran out. */
  oomKills(): number {
    const file = this.#file("memory", "memory.oom_control", "memory.events");
    const [, kills = "0"] = /^oom_kill (\d+)$/m.exec(file === undefined ? "" : textIn(file)) ?? [];
    return Number(kills);
  }

  /** Removes it once it is empty: the kernel takes a moment over the last process. */
  async remove(clock: Clock): Promise<void> {
    for (let tries = 0; tries < REMOVE_TRIES_MAX; tries += 1) {
      const left = this.places.filter(({ path }) => ![...below(path), path].every(removeOne));
      if (left.length === 0) return;
      await clock.sleep(Math.min(50, tries + 1));
    }
  }

  get #freezer() {
    const old = this.places.find(({ controllers }) => controllers.includes("freezer"));
    if (old !== undefined) {
      return { path: join(old.path, "freezer.state"), frozen: "FROZEN", thawed: "THAWED" };
    }
    const main = this.places.find(({ version }) => version === 2);
    return main && { path: join(main.path, "cgroup.freeze"), frozen: "1", thawed: "0" };
  }

  #file(controller: string, name: string, nameV2 = name): string | undefined {
    const place = this.places.find(({ controllers }) => controllers.includes(controller));
    return place && join(place.path, place.version === 1 ? name : nameV2);
  }
}

/** Deepest first. */
function below(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  const entries = readdirSync(path, { withFileTypes: true }).filter((it) => it.isDirectory());
  const paths = entries.map(({ name }) => join(path, name));
  return paths.flatMap((it) => [...below(it), it]);
}

function removeOne(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (thrown) {
    if (isCode(thrown, "ENOENT")) return true;
    if (isCode(thrown, "EBUSY", "ENOTEMPTY")) return false;
    throw thrown;
  }
}

function numbersIn(path: string): readonly number[] {
  const lines = textIn(path).split("\n");
  // What is outside of our PID namespace is 0.
  return lines.map(Number).filter((it) => it > 0);
}

/** Empty when it is gone. */
function textIn(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (thrown) {
    if (isCode(thrown, "ENOENT", "ENODEV", "EOPNOTSUPP")) return "";
    throw thrown;
  }
}

/** Answers whether it was there. */
function writeIfThere(path: string, text: string, ...alsoFine: readonly string[]): boolean {
  try {
    writeFileSync(path, text, { flag: "r+" });
    return true;
  } catch (thrown) {
    if (!isCode(thrown, "ENOENT", "ENODEV", ...alsoFine)) throw thrown;
    return false;
  }
}
