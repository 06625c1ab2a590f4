import { createHash } from "node:crypto";
import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { ApiError, notFound } from "../../api/error.ts";
import { assert } from "../../base/assert.ts";
import type { Backoff } from "../../base/backoff.ts";
import type { Chance } from "../../base/chance.ts";
import type { Clock } from "../../base/clock.ts";
import type { LogLine, LogOptions } from "../../base/line_log.ts";
import type { Log } from "../../base/log.ts";
import { type ProcessId, processOf } from "../../base/process.ts";
import type { Seal } from "../../base/seal.ts";
import type { Digest, ImageStore } from "../../oci/oci.ts";
import { keyOf } from "../key.ts";
import { RevisionLogs } from "../revision_logs.ts";
import type { ExecRequest, Execution, Instance, InstanceSpec, Runtime, Usage } from "../runtime.ts";
import { Cgroups } from "./cgroups.ts";
import { CompileCaches } from "./compile_cache.ts";
import { Deaths } from "./deaths.ts";
import { TOKEN_VARIABLE } from "./environment.ts";
import { killIfThere } from "./family.ts";
import { inheritedFds } from "./inherited.ts";
import { Keeper } from "./keeper.ts";
import { LaidOutImages } from "./laid_out.ts";
import { Ports } from "./ports.ts";
import { processes, processesWith, RecentProcesses } from "./process_table.ts";
import { type InstanceRecord, Records, type RunRecord } from "./records.ts";
import type { Shared } from "./run.ts";
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

/** What `kubectl` calls an instance. */
const POD = { apiVersion: "v1", kind: "Pod", plural: "pods" } as const;

/**
 * Runs instances as plain processes of this machine: nothing is needed but Node, and nothing is
 * hidden from them. Each has a session, a cgroup where there are any, a scratch directory and a
 * port on 127.0.0.1 of its own; the port it would have liked is only a wish, as a process cannot
 * have that to itself. They run as the server's user unless told otherwise. A home is for one
 * runtime at a time.
 */
export class ProcessRuntime implements Runtime {
  readonly kind = "process";
  readonly #options: ProcessRuntimeOptions;
  readonly #images: LaidOutImages;
  readonly #logs: RevisionLogs;
  readonly #recent: RecentProcesses;
  readonly #keepers = new Map<string, Keeper>();
  readonly #listeners = new Set<(name: string) => void>();
  #shared: Shared | undefined;
  #isClosed = false;

  constructor(options: ProcessRuntimeOptions) {
    const { home, images, clock, logFileBytesMax, logFilesMax } = options;
    const { platform, arch } = process;
    this.#options = options;
    const machine = { platform, arch };
    this.#images = new LaidOutImages({ directory: join(home, "images"), images, machine });
    this.#logs = new RevisionLogs({
      directory: join(home, "logs"),
      ...(logFileBytesMax !== undefined && { fileBytesMax: logFileBytesMax }),
      ...(logFilesMax !== undefined && { filesMax: logFilesMax }),
    });
    this.#recent = new RecentProcesses(clock);
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
    const { records } = this.#open();
    const all = records.list();
    for (const record of all) records.put(record);
    return all.length;
  }

  whyNot(image: Digest): Promise<string | undefined> {
    return this.#images.whyNot(image);
  }

  async run(spec: InstanceSpec): Promise<void> {
    const shared = this.#open();
    const known = this.#keepers.get(spec.name);
    if (known !== undefined && known.instance.phase !== "stopping") return;
    // Whoever asks for one that is on its way out asks for the next of that name.
    await this.stop(spec.name);
    if (this.#keepers.has(spec.name)) return await this.run(spec);
    const createdAt = shared.clock.timestamp();
    const record = {
      version: 1,
      spec,
      createdAt,
      runs: 0,
      failures: 0,
      isStopping: false,
    } as const;
    shared.records.put(record);
    this.#keep(record, shared).start();
  }

  async freeze(name: string): Promise<void> {
    this.#keepers.get(name)?.freeze();
  }

  async thaw(name: string): Promise<void> {
    this.#keepers.get(name)?.thaw();
  }

  async stop(name: string): Promise<void> {
    this.#open();
    const keeper = this.#keepers.get(name);
    if (keeper === undefined) return;
    await keeper.stop();
    if (this.#keepers.get(name) !== keeper) return;
    this.#keepers.delete(name);
    this.#logs.close(name);
    this.#tell(name);
  }

  /** Ends all instances, for a server that shall leave nothing behind. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#keepers.keys()].map((name) => this.stop(name)));
  }

  get(name: string): Instance | undefined {
    return this.#keepers.get(name)?.instance;
  }

  list(): readonly Instance[] {
    return [...this.#keepers.values()].map(({ instance }) => instance);
  }

  watch(listener: (name: string) => void): Disposable {
    const own = (name: string) => listener(name);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => this.#listeners.delete(own) };
  }

  log(
    name: string,
    options: LogOptions & { readonly previous?: boolean } = {},
  ): AsyncIterable<LogLine> {
    if (!this.#logs.has(name)) throw notFound(POD, name);
    const { previous = false, ...rest } = options;
    return previous ? this.#previous(name, rest) : this.#logs.read(name, rest);
  }

  async collect(kept: ReadonlySet<Digest>): Promise<void> {
    const running = this.list().map(({ spec }) => spec.image);
    const all = new Set([...kept, ...running]);
    await this.#images.collect(all);
    await this.#shared?.compiled.collect(all);
  }

  /** Removes what all instances of a revision wrote. To be called once it has none. */
  async dropLogs(revision: string): Promise<void> {
    this.#logs.drop(revision);
  }

  async usage(name: string): Promise<Usage | undefined> {
    return this.#keepers.get(name)?.usage(this.#recent);
  }

  async exec(name: string, request: ExecRequest): Promise<Execution> {
    this.#open();
    const keeper = this.#keepers.get(name);
    if (keeper === undefined) throw notFound(POD, name);
    const execution = await keeper.exec(request);
    if (execution !== undefined) return execution;
    const { message } = keeper.instance;
    throw new ApiError("BadRequest", `the container of pod "${name}" is not running: ${message}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.all([...this.#keepers.values()].map((it) => it.close()));
    this.#listeners.clear();
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
    const { home, clock, chance, log, seal, toolPath, cgroupRoot: root } = this.#options;
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
      records: new Records(join(home, "instances"), { log, seal }),
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
    for (const record of records) this.#adopt(record, { shared, marked });
  }

  #adopt(record: InstanceRecord, { shared, marked }: Adoption): void {
    const { name } = record.spec;
    const keeper = this.#keep(record, shared);
    const run = record.run?.phase === "over" ? undefined : record.run;
    keeper.start(run && leaderOf(run, { shared, marked }));
    if (record.isStopping) void this.#stopAgain(name, shared);
  }

  #keep(record: InstanceRecord, shared: Shared): Keeper {
    const { name, revision } = record.spec;
    const tell = () => this.#tell(name);
    const keeper = new Keeper(record, { shared, backoff: this.#options.backoff ?? BACKOFF, tell });
    this.#logs.open(revision, name);
    this.#keepers.set(name, keeper);
    this.#tell(name);
    return keeper;
  }

  /** Does what a server before us was told to do, and did not live to. */
  async #stopAgain(name: string, { log }: Shared): Promise<void> {
    try {
      await this.stop(name);
    } catch (err) {
      log.warn({ err, instance: name }, "Cannot stop an instance");
    }
  }

  #tell(name: string): void {
    for (const listener of this.#listeners) listener(name);
  }

  async *#previous(name: string, options: LogOptions): AsyncIterable<LogLine> {
    const restarts = this.#keepers.get(name)?.instance.restarts;
    const run = (restarts ?? (await this.#logs.lastRun(name))) - 1;
    yield* this.#logs.read(name, { ...options, follow: false, run });
  }
}

interface Adoption {
  readonly shared: Shared;
  /** What runs with a token in its variables. */
  readonly marked: ReadonlyMap<number, string>;
}

/** The process of a run: as it is on record, or as it was started just before we could write it. */
function leaderOf(run: RunRecord, { marked }: Adoption): ProcessId | undefined {
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
