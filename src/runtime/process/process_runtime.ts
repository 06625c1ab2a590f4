import { createHash } from "node:crypto";
import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../../base/assert.ts";
import type { Backoff } from "../../base/backoff.ts";
import type { Chance } from "../../base/chance.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { LogLine } from "../../base/log_line.ts";
import { isRunning, ownerOf, type ProcessId, processOf } from "../../base/process.ts";
import type { Seal } from "../../base/seal.ts";
import type { Digest, ImageStore } from "../../oci/oci.ts";
import { type InstanceLogOptions, Keepers } from "../keepers.ts";
import { keyOf } from "../key.ts";
import { Records } from "../records.ts";
import { RevisionLogs } from "../revision_logs.ts";
import type { Driver, Known, Run } from "../run.ts";
import type {
  ExecRequest,
  Execution,
  Instance,
  InstanceSpec,
  Needs,
  Usage,
  Volume,
} from "../runtime.ts";
import type { OwnRuntime } from "../runtimes.ts";
import { Cgroup } from "./cgroup.ts";
import { Cgroups } from "./cgroups.ts";
import { CompileCaches } from "./compile_cache.ts";
import { Deaths } from "./deaths.ts";
import { TOKEN_VARIABLE } from "./environment.ts";
import { killIfThere } from "./family.ts";
import { inheritedFds } from "./inherited.ts";
import { LaidOutImages } from "./laid_out.ts";
import { Ports } from "./ports.ts";
import { processes, processesWith, RecentProcesses } from "./process_table.ts";
import { adoptRun, beginRun, forgetRun, type ProcessRun, type Shared } from "./run.ts";
import { adoptedCaveats } from "./security.ts";
import { Spools } from "./spools.ts";

export interface ProcessRuntimeOptions {
  /**
   * Its directory: images laid out, records and scratch space of instances, output and logs.
   * Instances that run as users of their own must be able to pass the directories above it.
   */
  readonly home: string;
  readonly images: ImageStore;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  /** For records of instances, which have their variables in them. */
  readonly seal?: Seal;
  /** Where to find programs, in the form of `PATH`. Instances get it, with Node's own before it. */
  readonly toolPath: string;
  /** A cgroup of version 2 for those of instances. The server's own when left out. */
  readonly cgroupRoot?: string | undefined;
  /** How many processes and threads an instance may have, where that can be limited. */
  readonly pidsMax?: number;
  /** The pause before an instance that ended is started again. */
  readonly backoff?: Backoff;
  /** Bounds of each revision's log: see `LineLog`. */
  readonly logFileBytesMax?: number;
  readonly logFilesMax?: number;
  /** An instance's output is taken to its log and given up when it is over this size. */
  readonly spoolBytesMax?: number;
}

const PIDS_MAX = 4096;
const BACKOFF: Backoff = { firstMs: 250, mostMs: 5 * 60 * 1000 };
const SPOOL_BYTES_MAX = 1024 * 1024;

/**
 * Runs instances as plain processes of this machine: nothing is needed but Node, and nothing is
 * hidden from them. Each has a session, a cgroup where there are any, a scratch directory and a
 * port on 127.0.0.1 of its own; the port it would have liked is only a wish, as a process cannot
 * have that to itself. They run as the server's user unless told otherwise. A home is for one
 * runtime at a time.
 */
export class ProcessRuntime implements OwnRuntime {
  readonly kind = "process";
  readonly #options: ProcessRuntimeOptions;
  readonly #images: LaidOutImages;
  readonly #logs: RevisionLogs;
  readonly #records: Records<ProcessRun>;
  readonly #keepers: Keepers<ProcessRun>;
  /** What runs with a token in its variables, as it was at the start. */
  #marked: ReadonlyMap<number, string> = new Map();
  #shared: Shared | undefined;
  #isClosed = false;

  constructor(options: ProcessRuntimeOptions) {
    const { home, images, clock, chance, log, seal, logFileBytesMax, logFilesMax } = options;
    const { platform, arch } = process;
    this.#options = options;
    const machine = { platform, arch };
    this.#images = new LaidOutImages({ directory: join(home, "images"), images, machine });
    this.#logs = new RevisionLogs({
      directory: join(home, "logs"),
      ...(logFileBytesMax !== undefined && { fileBytesMax: logFileBytesMax }),
      ...(logFilesMax !== undefined && { filesMax: logFilesMax }),
    });
    this.#records = new Records(join(home, "instances"), { log, seal });
    this.#keepers = new Keepers({
      ...{ clock, chance, log, backoff: options.backoff ?? BACKOFF },
      driver: this.#driver(),
      records: this.#records,
      logs: this.#logs,
    });
  }

  async start(): Promise<void> {
    assert(this.#shared === undefined, "A runtime is started once");
    mkdirSync(this.#options.home, { recursive: true });
    const shared = this.#share();
    this.#shared = shared;
    shared.records.start();
    shared.cgroups.start();
    this.#images.start();
    shared.compiled.start();
    this.#logs.start();
    shared.spools.start();
    await this.#adoptAll(shared);
  }

  /** Writes the records of all instances anew, sealed as they would be now. */
  reseal(): number {
    return this.#keepers.reseal();
  }

  async whyNot(image: Digest, { volumes = [] }: Needs = {}): Promise<string | undefined> {
    const why = await this.#images.whyNot(image);
    if (why !== undefined || volumes.length === 0) return why;
    const names = volumes.map((name) => `"${name}"`).join(", ");
    return `it mounts volumes (${names}), which a plain process cannot have`;
  }

  run(spec: InstanceSpec): Promise<void> {
    this.#open();
    return this.#keepers.run(spec);
  }

  async freeze(name: string): Promise<void> {
    this.#keepers.freeze(name);
  }

  async thaw(name: string): Promise<void> {
    this.#keepers.thaw(name);
  }

  async refill(name: string, volumes: readonly Volume[]): Promise<void> {
    this.#keepers.refill(name, volumes);
  }

  stop(name: string): Promise<void> {
    this.#open();
    return this.#keepers.stop(name);
  }

  /** Ends all instances, for a server that shall leave nothing behind. */
  stopAll(): Promise<void> {
    return this.#keepers.stopAll();
  }

  get(name: string): Instance | undefined {
    return this.#keepers.get(name);
  }

  list(): readonly Instance[] {
    return this.#keepers.list();
  }

  watch(listener: (name: string) => void): Disposable {
    return this.#keepers.watch(listener);
  }

  log(name: string, options?: InstanceLogOptions): AsyncIterable<LogLine> {
    return this.#keepers.log(name, options);
  }

  async collect(kept: ReadonlySet<Digest>): Promise<void> {
    const running = this.list().map(({ spec }) => spec.image);
    const all = new Set([...kept, ...running]);
    await this.#images.collect(all);
    await this.#shared?.compiled.collect(all);
  }

  async dropLogs(revision: string): Promise<void> {
    this.#logs.drop(revision);
  }

  usage(name: string): Promise<Usage | undefined> {
    return this.#keepers.usage(name);
  }

  exec(name: string, request: ExecRequest): Promise<Execution> {
    this.#open();
    return this.#keepers.exec(name, request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#keepers[Symbol.asyncDispose]();
    this.#shared?.spools[Symbol.dispose]();
    this.#shared?.deaths[Symbol.dispose]();
    this.#logs[Symbol.dispose]();
    this.#shared?.cgroups.removeBases();
  }

  #open(): Shared {
    assert(!this.#isClosed, "A runtime that is closed does nothing");
    assert(this.#shared !== undefined, "A runtime is started before it is asked for anything");
    return this.#shared;
  }

  #share(): Shared {
    const { home, clock, chance, log, toolPath, cgroupRoot: root } = this.#options;
    const { pidsMax = PIDS_MAX, spoolBytesMax = SPOOL_BYTES_MAX } = this.#options;
    const id = createHash("sha256").update(realpathSync(home)).digest("hex").slice(0, 12);
    const directory = join(home, "output");
    return {
      clock,
      chance,
      log,
      toolPath,
      pidsMax,
      mark: `${id}.`,
      inherited: inheritedFds(),
      images: this.#images,
      compiled: new CompileCaches(join(home, "compiled")),
      ports: new Ports(chance),
      cgroups: new Cgroups({ name: `varve-${id}`, root, clock }),
      deaths: new Deaths(clock),
      spools: new Spools({ directory, logs: this.#logs, clock, log, spoolBytesMax }),
      records: this.#records,
      recent: new RecentProcesses(clock),
    };
  }

  async #adoptAll(shared: Shared): Promise<void> {
    const marked = processesWith(TOKEN_VARIABLE);
    const records = shared.records.list();
    const known = new Set(records.map(({ run }) => run?.token));
    for (const [pid, token] of marked)
      if (token.startsWith(shared.mark) && !known.has(token)) killIfThere(pid);
    const runs = records.map(({ spec, run }) => `${keyOf(spec.name)}.${run?.number}`);
    await shared.cgroups.sweep(new Set(runs));
    this.#marked = marked;
    await this.#keepers.start();
  }

  #driver(): Driver<ProcessRun> {
    return {
      begin: (beginning) => beginRun(this.#open(), beginning),
      adopt: (known) => this.#adopt(known, this.#open()),
      remove: ({ spec }) => this.#records.remove(spec.name),
      placeOf,
    };
  }

  async #adopt({ spec, run, note }: Known<ProcessRun>, shared: Shared): Promise<Run | undefined> {
    const leader = leaderOf(run, this.#marked);
    if (leader === undefined) {
      await forgetRun(shared, { spec, run });
      return undefined;
    }
    const isRoot = isRunning(leader) && ownerOf(leader.pid) === 0;
    const told = adoptedCaveats(spec.security, isRoot);
    for (const caveat of told)
      shared.log.warn({ instance: spec.name, caveat }, "An instance was taken on as it is");
    const caveats = [...new Set([...run.caveats, ...told])];
    const found = { ...run, process: leader, caveats };
    note(found);
    return adoptRun(shared, { spec, run: found }, leader);
  }
}

function placeOf({ process: leader, port, cgroup, isFrozen = false }: ProcessRun) {
  if (leader === undefined) return undefined;
  const thaw = isFrozen ? new Cgroup(cgroup).thawing : undefined;
  return { address: { host: "127.0.0.1", port }, pid: leader.pid, ...(thaw && { thaw }) };
}

/** The process of a run: as it is on record, or as it was started just before we could write it. */
function leaderOf(run: ProcessRun, marked: ReadonlyMap<number, string>): ProcessId | undefined {
  if (run.process === undefined) {
    const pids = [...marked].filter(([, token]) => token === run.token).map(([pid]) => pid);
    const leader = processes().find(({ pid, session }) => pid === session && pids.includes(pid));
    return leader && processOf(leader.pid);
  }
  // A program may write over its variables; but if it has another's token, it is another.
  const mark = marked.get(run.process.pid);
  const isAnother = mark !== undefined && mark !== run.token;
  return isAnother ? { ...run.process, startedAt: "before the one that is" } : run.process;
}
