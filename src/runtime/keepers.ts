import { availableParallelism } from "node:os";
import { ApiError, notFound } from "../api/error.ts";
import { assert } from "../base/assert.ts";
import type { LogOptions } from "../base/line_log.ts";
import type { LogLine } from "../base/log_line.ts";
import { Keeper, type KeeperOptions } from "./keeper.ts";
import type { InstanceRecord, RunRecord } from "./records.ts";
import type { RevisionLogs } from "./revision_logs.ts";
import type { ExecRequest, Execution, Instance, InstanceSpec, Usage, Volume } from "./runtime.ts";
import { Turns } from "./turns.ts";

export interface KeepersOptions<R extends RunRecord>
  extends Omit<KeeperOptions<R>, "tell" | "crowd"> {
  readonly logs: RevisionLogs;
}

export type InstanceLogOptions = LogOptions & { readonly previous?: boolean };

const SOON_MS = 1000;

/** So many are begun at a time for each processor. */
const AT_ONCE = 3;

/** What `kubectl` calls an instance. */
const POD = { apiVersion: "v1", kind: "Pod", plural: "pods" } as const;

/** The instances of one runtime, by name: the part of the contract that all drivers share. */
export class Keepers<R extends RunRecord> implements AsyncDisposable {
  readonly #options: KeepersOptions<R>;
  readonly #keepers = new Map<string, Keeper<R>>();
  readonly #listeners = new Set<(name: string) => void>();
  readonly #turns: Turns;
  readonly #crowd = new Set<unknown>();
  /** As which it was told of last. */
  readonly #phases = new Map<string, Instance["phase"]>();
  /** Who is told of a little later. */
  readonly #due = new Map<string, Disposable>();
  #isClosed = false;

  constructor(options: KeepersOptions<R>) {
    this.#turns = new Turns(options.clock, AT_ONCE * availableParallelism());
    this.#options = { ...options, driver: this.#turns.around(options.driver) };
  }

  /** Takes on all that is on record. */
  async start(): Promise<void> {
    const { records } = this.#options;
    await Promise.all(records.list().map((record) => this.#adopt(record)));
  }

  async run(spec: InstanceSpec): Promise<void> {
    this.#checkOpen();
    const known = this.#keepers.get(spec.name);
    if (known !== undefined && known.instance.phase !== "stopping") return;
    // Whoever asks for one that is on its way out asks for the next of that name.
    await this.stop(spec.name);
    if (this.#keepers.has(spec.name)) return await this.run(spec);
    const { records, clock } = this.#options;
    const record = {
      version: 1,
      spec,
      createdAt: clock.timestamp(),
      runs: 0,
      failures: 0,
      isStopping: false,
    } as const;
    records.put(record);
    void this.#keep(record).start();
  }

  freeze(name: string): void {
    this.#keepers.get(name)?.freeze();
  }

  thaw(name: string): void {
    this.#keepers.get(name)?.thaw();
  }

  refill(name: string, volumes: readonly Volume[]): void {
    this.#keepers.get(name)?.refill(volumes);
  }

  async stop(name: string): Promise<void> {
    this.#checkOpen();
    const keeper = this.#keepers.get(name);
    if (keeper === undefined) return;
    await keeper.stop();
    if (this.#keepers.get(name) !== keeper) return;
    this.#keepers.delete(name);
    this.#options.logs.close(name);
    this.#tell(name);
  }

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

  log(name: string, options: InstanceLogOptions = {}): AsyncIterable<LogLine> {
    const { logs } = this.#options;
    if (!logs.has(name)) throw notFound(POD, name);
    const { previous = false, ...rest } = options;
    return previous ? this.#previous(name, rest) : logs.read(name, rest);
  }

  async usage(name: string): Promise<Usage | undefined> {
    return await this.#keepers.get(name)?.usage();
  }

  async exec(name: string, request: ExecRequest): Promise<Execution> {
    this.#checkOpen();
    const keeper = this.#keepers.get(name);
    if (keeper === undefined) throw notFound(POD, name);
    const execution = await keeper.exec(request);
    if (execution !== undefined) return execution;
    const { message } = keeper.instance;
    throw new ApiError("BadRequest", `the container of pod "${name}" is not running: ${message}`);
  }

  /** Writes the records of all instances anew, sealed as they would be now. */
  reseal(): number {
    const { records } = this.#options;
    const all = records.list();
    for (const record of all) records.put(record);
    return all.length;
  }

  /** Lets all of them be. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#keepers.values()].map((it) => it.close()));
    this.#listeners.clear();
    for (const due of this.#due.values()) due[Symbol.dispose]();
  }

  #checkOpen(): void {
    assert(!this.#isClosed, "A runtime that is closed does nothing");
  }

  async #adopt(record: InstanceRecord<R>): Promise<void> {
    await this.#keep(record).start();
    if (record.isStopping) void this.#stopAgain(record.spec.name);
  }

  #keep(record: InstanceRecord<R>): Keeper<R> {
    const { name, revision } = record.spec;
    const tell = () => this.#tellSoon(name);
    const keeper = new Keeper(record, { ...this.#options, crowd: this.#crowd, tell });
    this.#options.logs.open(revision, name);
    this.#keepers.set(name, keeper);
    this.#tell(name);
    return keeper;
  }

  /** Does what a server before us was told to do, and did not live to. */
  async #stopAgain(name: string): Promise<void> {
    try {
      await this.stop(name);
    } catch (err) {
      this.#options.log.warn({ err, instance: name }, "Cannot stop an instance");
    }
  }

  /** A new phase is told at once; what else is new has time, for there is more to come. */
  #tellSoon(name: string): void {
    const isNewPhase = this.get(name)?.phase !== this.#phases.get(name);
    if (isNewPhase) this.#tell(name);
    else if (!this.#due.has(name)) {
      const due = this.#options.clock.after(SOON_MS, () => this.#tell(name));
      this.#due.set(name, due);
    }
  }

  #tell(name: string): void {
    this.#due.get(name)?.[Symbol.dispose]();
    this.#due.delete(name);
    const phase = this.get(name)?.phase;
    if (phase !== "starting") this.#turns.give(name);
    if (phase === undefined) this.#phases.delete(name);
    else this.#phases.set(name, phase);
    for (const listener of this.#listeners) listener(name);
  }

  async *#previous(name: string, options: LogOptions): AsyncIterable<LogLine> {
    const { logs } = this.#options;
    const restarts = this.#keepers.get(name)?.instance.restarts;
    const run = (restarts ?? (await logs.lastRun(name))) - 1;
    yield* logs.read(name, { ...options, follow: false, run });
  }
}
