import { isDeepStrictEqual } from "node:util";
import { AssertionError } from "../../base/assert.ts";
import { type Backoff, delayMs } from "../../base/backoff.ts";
import { timestampOf } from "../../base/clock.ts";
import type { ProcessId } from "../../base/process.ts";
import { keepProbing, type Started, startedUp } from "../prober.ts";
import type { ExecRequest, Execution, Exit, Instance, Usage } from "../runtime.ts";
import { exitOf, toldOf } from "./exit.ts";
import { freezeAll, killAll, thawAll, usageOf } from "./family.ts";
import type { Ended } from "./launch.ts";
import { endLife } from "./life.ts";
import type { RecentProcesses } from "./process_table.ts";
import type { InstanceRecord, RunRecord } from "./records.ts";
import { adoptRun, beginRun, clearRun, forgetRun, type Run, type Shared } from "./run.ts";
import { textOf } from "./system_error.ts";
import { instanceOf } from "./view.ts";

export interface KeeperOptions {
  readonly shared: Shared;
  readonly backoff: Backoff;
  /** Called whenever `instance` says something else. */
  readonly tell: () => void;
}

/** Who was ready for so long has not failed in a row with what came before. */
const FROZEN = "it is frozen, as nobody asks for it";

const WELL_MS = 10 * 60 * 1000;

/** Keeps one instance running: one run after the other, until it is told to stop. */
export class Keeper {
  readonly #options: KeeperOptions;
  #record: InstanceRecord;
  #instance: Instance;
  #run: Run | undefined;
  /** Ends when no further run shall be begun. */
  readonly #over = new AbortController();
  /** Ends when the server lets go. */
  readonly #closed = new AbortController();
  #keeping: Promise<void> = Promise.resolve();
  /** Begins to probe the run that is now. */
  #probeAnew: () => void = () => {};
  /** When the run that is now had a process. */
  #beganMs = 0;
  /** Ends what probes it. */
  #probing = new AbortController();
  #stopping: Promise<void> | undefined;
  /** Commands that run beside it. */
  #guests = 0;

  constructor(record: InstanceRecord, options: KeeperOptions) {
    this.#record = record;
    this.#options = options;
    this.#instance = instanceOf(record, { phase: "starting", message: "" });
  }

  get instance(): Instance {
    return this.#instance;
  }

  /** The run on record, as it was before it has been looked at. */
  get run(): RunRecord | undefined {
    return this.#record.run;
  }

  /** Begins to keep it. When it has a process already, or had one when last seen: of that one. */
  start(leader?: ProcessId): void {
    this.#keeping = this.#keep(leader);
  }

  /** Ends it, removes its files, and resolves when it is gone. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop().catch((thrown) => {
      // Whoever asks again may have more luck.
      this.#stopping = undefined;
      throw thrown;
    });
    return this.#stopping;
  }

  /** It is on record before it is so: whoever comes after us knows whom to thaw. */
  freeze(): void {
    const { run } = this.#record;
    if (this.#instance.phase !== "ready" || run === undefined || this.#run === undefined) return;
    // What runs beside it would be frozen with it.
    if (this.#guests > 0) return;
    this.#probing.abort();
    this.#note({ run: { ...run, isFrozen: true } });
    freezeAll(this.#run.life.family);
    this.#show("frozen", FROZEN);
  }

  thaw(): void {
    const { run } = this.#record;
    if (this.#instance.phase !== "frozen" || run === undefined || this.#run === undefined) return;
    thawAll(this.#run.life.family);
    const { isFrozen: _, ...thawed } = run;
    this.#record = { ...this.#record, run: thawed };
    this.#show("ready", "");
    this.#probeAnew();
    // Somebody waits, and who reads on the record that it is frozen will only thaw it once more.
    this.#options.shared.clock.after(0, () => this.#note({}));
  }

  usage(recent: RecentProcesses): Usage | undefined {
    const isUp = this.#instance.pid !== undefined;
    return isUp && this.#run !== undefined ? usageOf(this.#run.life.family, recent) : undefined;
  }

  /** Starts a command beside the run that is now, or answers with nothing when there is none. */
  async exec(request: ExecRequest): Promise<Execution | undefined> {
    if (this.#instance.pid === undefined || this.#stopping !== undefined) return undefined;
    this.#guests += 1;
    try {
      this.thaw();
      const execution = await this.#run?.exec(request);
      const leave = () => {
        this.#guests -= 1;
      };
      if (execution === undefined) leave();
      else void execution.ended.then(leave);
      return execution;
    } catch (thrown) {
      this.#guests -= 1;
      throw thrown;
    }
  }

  /** Lets it be: it runs on, and whoever reads its record can take it on. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#over.abort();
    await Promise.allSettled([this.#keeping, this.#stopping]);
    this.#run?.life[Symbol.dispose]();
    this.#run?.port[Symbol.dispose]();
  }

  async #keep(leader: ProcessId | undefined): Promise<void> {
    const { signal } = this.#over;
    try {
      await this.#takeUp(leader);
      while (!signal.aborted) {
        const run = await this.#begin();
        if (run === undefined) await this.#wait();
        else await this.#live(run);
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }

  /** Goes on where the record says that its last keeper was. */
  async #takeUp(leader: ProcessId | undefined): Promise<void> {
    const { shared } = this.#options;
    const { spec, run } = this.#record;
    if (run?.phase === "over") return await this.#wait();
    if (run === undefined) return;
    if (leader === undefined) return await forgetRun(shared, { spec, run });
    const found = { ...run, process: leader };
    this.#note({ run: found });
    this.#run = adoptRun(shared, { spec, run: found }, leader);
    await this.#live(this.#run);
  }

  /** A new run, or nothing when it could not be begun; why not is the last exit then. */
  async #begin(): Promise<Run | undefined> {
    const { shared } = this.#options;
    const { spec, runs: number } = this.#record;
    this.#record = { ...this.#record, runs: number + 1 };
    this.#show("starting", "it is being started");
    try {
      this.#run = await beginRun(shared, {
        spec,
        number,
        signal: this.#over.signal,
        save: (run) => this.#save({ run }),
        note: (run) => this.#note({ run }),
      });
      this.#beganMs = shared.clock.elapsed();
      return this.#run;
    } catch (thrown) {
      if (this.#over.signal.aborted || thrown instanceof AssertionError) throw thrown;
      const at = shared.clock.timestamp();
      this.#putExit({ reason: "NotStarted", output: textOf(thrown), at });
      return undefined;
    }
  }

  /** From where a run has a process to where that has ended and it is time for the next. */
  async #live(run: Run): Promise<void> {
    const { shared } = this.#options;
    const { signal } = this.#over;
    let illness: string | undefined;
    const isIll = (found: string) => {
      illness ??= found;
      this.#probing.abort();
      this.#show("unready", `it is ended, as ${found}`);
      void this.#endIll(run);
    };
    this.#probeAnew = () => {
      this.#probing = new AbortController();
      void this.#probe(run, this.#probing.signal, isIll);
    };
    this.#showUp();
    if (this.#record.run?.isFrozen !== true) this.#probeAnew();
    const ended = await this.#endOf(run);
    this.#probing.abort();
    if (ended === undefined) return;
    await killAll(run.life.family, shared.clock, signal);
    const oomKills = run.life.family.cgroup?.oomKills() ?? 0;
    const output = await clearRun(run, shared.clock);
    this.#run = undefined;
    const at = shared.clock.timestamp();
    this.#putExit(exitOf({ ended, output, oomKills, illness, at }));
    await this.#wait();
  }

  /** How a run ended; nothing when it goes on, and we do not. */
  #endOf(run: Run): Promise<Ended | undefined> {
    const { signal } = this.#over;
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
      if (signal.aborted) resolve(undefined);
      void run.life.ended.then(resolve);
    });
  }

  async #probe(run: Run, signal: AbortSignal, isIll: (found: string) => void) {
    const { spec } = this.#record;
    const { clock } = this.#options.shared;
    const probing = { target: run.target, clock, signal };
    if (!(await this.#hasStarted(probing, isIll))) return;
    void keepProbing(spec.readiness, {
      ...probing,
      isWell: this.#record.run?.phase === "ready",
      isEager: true,
      tell: (isWell, { message }) => this.#tellReadiness(run, isWell, message),
    });
    if (spec.liveness === undefined) return;
    void keepProbing(spec.liveness, {
      ...probing,
      isWell: true,
      isEager: false,
      tell: (isWell, { message }) => {
        if (!isWell) isIll(`its liveness probe failed: ${message}`);
      },
    });
  }

  /** Waits for the startup probe, where there is one and this run has not passed it before. */
  async #hasStarted(
    probing: Omit<Started, "notYet">,
    isIll: (found: string) => void,
  ): Promise<boolean> {
    const { startup } = this.#record.spec;
    const phase = this.#record.run?.phase;
    if (startup === undefined || phase === "ready" || phase === "unready") return true;
    const notYet = (found: string) => this.#show("starting", found);
    const found = await startedUp(startup, { ...probing, notYet });
    if (found !== undefined && !probing.signal.aborted) {
      isIll(`its startup probe failed: ${found}`);
    }
    return found === undefined;
  }

  #tellReadiness({ port }: Run, isReady: boolean, found: string): void {
    const { run } = this.#record;
    if (run === undefined) return;
    const { readySinceMs: _, ...rest } = run;
    if (isReady && run.phase !== "ready") {
      port.settle();
      const { clock } = this.#options.shared;
      const readySinceMs = clock.now();
      const readyMs = run.readyMs ?? clock.elapsed() - this.#beganMs;
      this.#record = { ...this.#record, run: { ...run, phase: "ready", readySinceMs, readyMs } };
      this.#show("ready", "");
      this.#note({});
    } else if (!isReady && run.phase === "ready") {
      this.#record = { ...this.#record, run: { ...rest, phase: "unready" } };
      this.#show("unready", found);
      this.#note({});
    } else if (!isReady) this.#show(run.phase === "unready" ? "unready" : "starting", found);
  }

  async #endIll({ life }: Run): Promise<void> {
    const { spec } = this.#record;
    const seconds = spec.liveness?.terminationGracePeriodSeconds;
    const graceMs = seconds === undefined ? spec.graceMs : seconds * 1000;
    const { signal } = this.#over;
    const { clock, log } = this.#options.shared;
    try {
      await endLife(life, { clock, graceMs, signal });
    } catch (err) {
      if (!signal.aborted) log.warn({ err, instance: spec.name }, "Cannot end an unwell instance");
    }
  }

  /** Puts on record that the run is over, and how. */
  #putExit(lastExit: Exit): void {
    const { spec, run, failures } = this.#record;
    const { clock, log } = this.#options.shared;
    // The run on record is one before when the last could not be begun.
    const isBegun = run?.number === this.#record.runs - 1;
    const wasWell = clock.now() - (run?.readySinceMs ?? Infinity) >= WELL_MS;
    this.#note({
      ...(run !== undefined && { run: { ...run, phase: "over" } }),
      lastExit: {
        ...lastExit,
        ...(run !== undefined && isBegun && { startedAt: run.startedAt }),
      },
      failures: wasWell ? 1 : failures + 1,
    });
    // What it wrote is its owner's, and not for the operator's eyes.
    const { output, ...how } = lastExit;
    const why = lastExit.reason === "NotStarted" && { output };
    log.warn({ instance: spec.name, ...how, ...why }, "An instance ended");
  }

  /** The pause before the next run. */
  async #wait(): Promise<void> {
    const { backoff, shared } = this.#options;
    const { failures, lastExit } = this.#record;
    const ms = delayMs(backoff, Math.max(0, failures - 1), shared.chance);
    const at = timestampOf(shared.clock.now() + ms);
    const why = lastExit === undefined ? "" : `${toldOf(lastExit)}; `;
    this.#show("waiting", `${why}it is started again at ${at}`);
    await shared.clock.sleep(ms, { signal: this.#over.signal });
  }

  async #stop(): Promise<void> {
    const { shared } = this.#options;
    const { name, graceMs } = this.#record.spec;
    this.#note({ isStopping: true });
    this.#show("stopping", "it was told to end");
    this.#over.abort();
    await this.#keeping;
    const { signal } = this.#closed;
    try {
      const { clock } = shared;
      if (this.#run !== undefined) await endLife(this.#run.life, { clock, graceMs, signal });
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
      throw new Error(`Cannot see the end of instance "${name}": the runtime was closed`);
    }
    if (this.#run !== undefined) await clearRun(this.#run, shared.clock);
    this.#run = undefined;
    await shared.records.remove(name);
  }

  #save(change: Partial<InstanceRecord>): void {
    this.#record = { ...this.#record, ...change };
    this.#options.shared.records.put(this.#record);
  }

  /** As `save`, where a full disk must not keep us from going on. */
  #note(change: Partial<InstanceRecord>): void {
    try {
      this.#save(change);
    } catch (err) {
      const instance = this.#record.spec.name;
      this.#options.shared.log.warn({ err, instance }, "Cannot write the record of an instance");
    }
  }

  #showUp(): void {
    const { phase = "starting", isFrozen = false } = this.#record.run ?? {};
    if (isFrozen) this.#show("frozen", FROZEN);
    else if (phase === "ready") this.#show("ready", "");
    else this.#show(phase === "unready" ? "unready" : "starting", "it has not been probed yet");
  }

  #show(phase: Instance["phase"], message: string): void {
    // What comes late, when it is on its way out, is no news.
    if (this.#stopping !== undefined && phase !== "stopping") return;
    const next = instanceOf(this.#record, { phase, message });
    if (isDeepStrictEqual(next, this.#instance)) return;
    this.#instance = next;
    this.#options.tell();
  }
}
