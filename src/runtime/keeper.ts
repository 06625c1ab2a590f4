import { isDeepStrictEqual } from "node:util";
import { AssertionError } from "../base/assert.ts";
import { type Backoff, delayMs } from "../base/backoff.ts";
import type { Chance } from "../base/chance.ts";
import { type Clock, timestampOf } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { endedWith, exitOf, toldOf } from "./exit.ts";
import { probeRun } from "./prober.ts";
import { type InstanceRecord, type Records, type RunRecord, without } from "./records.ts";
import { refilled, spentVolume } from "./refilled.ts";
import type { Driver, Run } from "./run.ts";
import type { ExecRequest, Execution, Exit, Instance, Usage, Volume } from "./runtime.ts";
import { textOf } from "./system_error.ts";
import { orAborted, unlessAborted } from "./unless_aborted.ts";
import { FROZEN, instanceOf, upView } from "./view.ts";

export interface KeeperOptions<R extends RunRecord> {
  readonly driver: Driver<R>;
  readonly records: Records<R>;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  /** The pause before an instance that ended is started again. */
  readonly backoff: Backoff;
  /** See `Probing`. */
  readonly crowd: Set<unknown>;
  /** Called whenever `instance` says something else. */
  readonly tell: () => void;
}

/** Between tries to find a run again, where that failed. */
const LOOK_AGAIN: Backoff = { firstMs: 500, mostMs: 10_000 };

/** Keeps one instance running: one run after the other, until it is told to stop. */
export class Keeper<R extends RunRecord> {
  readonly #options: KeeperOptions<R>;
  #record: InstanceRecord<R>;
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
  #refilling = Promise.withResolvers<void>();

  constructor(record: InstanceRecord<R>, options: KeeperOptions<R>) {
    this.#record = record;
    this.#options = options;
    const view = { phase: "starting", message: "" } as const;
    this.#instance = instanceOf(record, view, options.driver.placeOf);
  }

  get instance(): Instance {
    return this.#instance;
  }

  /** Begins to keep it. Resolves when it has looked for the run on record, where there is one. */
  async start(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#keeping = this.#keep(resolve);
    await Promise.race([promise, this.#keeping]);
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
    this.#run.freeze();
    this.#show(FROZEN.phase, FROZEN.message);
  }

  thaw(): void {
    const { run } = this.#record;
    if (this.#instance.phase !== "frozen" || run === undefined || this.#run === undefined) return;
    this.#run.thaw();
    this.#record = { ...this.#record, run: without(run, "isFrozen") };
    this.#show("ready", "");
    this.#probeAnew();
    this.#noteLater();
  }

  /** For the run that is now and those to come. Throws when it is not on record or not written. */
  refill(volumes: readonly Volume[]): void {
    this.#save({ spec: refilled(this.#record.spec, volumes) });
    this.#options.driver.refill?.(this.#record.spec);
    const { phase, message } = this.#instance;
    this.#show(phase, message);
    this.#refilling.resolve();
  }

  async usage(): Promise<Usage | undefined> {
    return this.#isUp ? await this.#run?.usage() : undefined;
  }

  /** Starts a command beside the run that is now, or answers with nothing when there is none. */
  async exec(request: ExecRequest): Promise<Execution | undefined> {
    if (!this.#isUp || this.#stopping !== undefined) return undefined;
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
    this.#run?.[Symbol.dispose]();
  }

  get #isUp(): boolean {
    return this.#instance.startedAt !== undefined;
  }

  async #keep(hasLooked: () => void): Promise<void> {
    const { signal } = this.#over;
    try {
      await this.#takeUp(hasLooked);
      while (!signal.aborted) {
        await this.#untilPossible();
        await this.#untilGood();
        const run = await this.#begin();
        if (run === undefined) await this.#wait();
        else await this.#live(run);
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }

  /** Goes on where the record says that its last keeper was. */
  async #takeUp(hasLooked: () => void): Promise<void> {
    this.#run = await this.#find(hasLooked);
    if (this.#run !== undefined) return await this.#live(this.#run, hasLooked);
    hasLooked();
    if (this.#record.run?.phase === "over") await this.#wait();
  }

  /** Looks for the run on record until one can say whether it is there. */
  async #find(hasLooked: () => void): Promise<Run | undefined> {
    const { clock, chance, log } = this.#options;
    const { signal } = this.#over;
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.#look(signal);
      } catch (err) {
        if (signal.aborted || err instanceof AssertionError) throw err;
        const instance = this.#record.spec.name;
        if (tries === 0) log.warn({ err, instance }, "Cannot find an instance again");
        this.#show("unready", `it cannot be looked at: ${textOf(err)}`);
        hasLooked();
        await clock.sleep(delayMs(LOOK_AGAIN, tries, chance), { signal });
      }
    }
  }

  async #look(signal: AbortSignal): Promise<Run | undefined> {
    const { spec, run } = this.#record;
    if (run === undefined || run.phase === "over") return undefined;
    const note = (found: R) => this.#note({ run: found });
    return await this.#options.driver.adopt({ spec, run, note, signal });
  }

  /** Waits for what all runs need. To be without it is not this instance's failure. */
  async #untilPossible(): Promise<void> {
    const { driver, clock, chance, log } = this.#options;
    const { signal } = this.#over;
    for (let tries = 0; driver.whyNotNow !== undefined; tries += 1) {
      const output = await unlessAborted(signal, driver.whyNotNow(this.#record.spec));
      if (output === undefined) return;
      const lastExit = { reason: "NotStarted", output, at: clock.timestamp() } as const;
      const { name: instance } = this.#record.spec;
      if (tries === 0) log.warn({ instance, output }, "An instance waits to be started");
      if (this.#record.lastExit?.output !== output) this.#note({ lastExit });
      this.#show("waiting", `${toldOf(lastExit)}; it is started when that is over`);
      await clock.sleep(delayMs(LOOK_AGAIN, tries, chance), { signal });
    }
  }

  /** Waits for whoever fills its volumes, who may be late with what is good for a while only. */
  async #untilGood(): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      const volume = spentVolume(this.#record.spec, clock.now());
      if (volume === undefined) return;
      this.#show("waiting", `what its volume "${volume}" has is not good any more`);
      this.#refilling = Promise.withResolvers();
      await unlessAborted(this.#over.signal, this.#refilling.promise);
    }
  }

  /** A new run, or nothing when it could not be begun; why not is the last exit then. */
  async #begin(): Promise<Run | undefined> {
    const { driver, clock } = this.#options;
    const { spec, runs: number } = this.#record;
    this.#record = { ...this.#record, runs: number + 1 };
    this.#show("starting", "it is being started");
    try {
      this.#run = await driver.begin({
        spec,
        volumes: () => this.#record.spec.volumes ?? [],
        number,
        signal: this.#over.signal,
        save: (run) => this.#save({ run }),
        note: (run) => this.#note({ run }),
      });
      this.#beganMs = clock.elapsed();
      return this.#run;
    } catch (thrown) {
      if (this.#over.signal.aborted || thrown instanceof AssertionError) throw thrown;
      const at = clock.timestamp();
      this.#putExit({ reason: "NotStarted", output: textOf(thrown), at });
      return undefined;
    }
  }

  /** From where a run has a process to where that has ended and it is time for the next. */
  async #live(run: Run, isUp: () => void = () => {}): Promise<void> {
    let illness: string | undefined;
    const isIll = (found: string) => {
      illness ??= found;
      this.#probing.abort();
      this.#show("unready", `it is ended, as ${found}`);
      void this.#endIll(run);
    };
    this.#probeAnew = () => {
      this.#probing = new AbortController();
      this.#probe(run, this.#probing.signal, isIll);
    };
    const { phase, message } = upView(this.#record.run);
    this.#show(phase, message);
    isUp();
    if (this.#record.run?.isFrozen !== true) this.#probeAnew();
    const ended = await orAborted(this.#over.signal, run.ended);
    this.#probing.abort();
    // It goes on, and we do not.
    if (ended === undefined) return;
    const remains = await run.clear(this.#over.signal);
    this.#run = undefined;
    const at = this.#options.clock.timestamp();
    this.#putExit(exitOf({ ended, remains, illness, at }));
    await this.#wait();
  }

  #probe(run: Run, signal: AbortSignal, isIll: (found: string) => void): void {
    const { clock, crowd } = this.#options;
    void probeRun(this.#record.spec, {
      ...{ target: run.target, clock, crowd, signal, isIll },
      phase: () => this.#record.run?.phase,
      notYet: (found) => this.#show("starting", found),
      tellReadiness: (isWell, { message }) => this.#tellReadiness(run, isWell, message),
    });
  }

  #tellReadiness(live: Run, isReady: boolean, found: string): void {
    const { run } = this.#record;
    if (run === undefined) return;
    if (isReady && run.phase !== "ready") {
      live.settle();
      const { clock } = this.#options;
      const readySinceMs = clock.now();
      const readyMs = run.readyMs ?? clock.elapsed() - this.#beganMs;
      this.#record = { ...this.#record, run: { ...run, phase: "ready", readySinceMs, readyMs } };
      this.#show("ready", "");
      this.#noteLater();
    } else if (!isReady && run.phase === "ready") {
      this.#record = {
        ...this.#record,
        run: { ...without(run, "readySinceMs"), phase: "unready" },
      };
      this.#show("unready", found);
      this.#note({});
    } else if (!isReady) this.#show(run.phase === "unready" ? "unready" : "starting", found);
  }

  async #endIll(run: Run): Promise<void> {
    const { spec } = this.#record;
    const seconds = spec.liveness?.terminationGracePeriodSeconds;
    const graceMs = seconds === undefined ? spec.graceMs : seconds * 1000;
    const { signal } = this.#over;
    const { log } = this.#options;
    try {
      await run.end({ graceMs, signal });
    } catch (err) {
      if (!signal.aborted) log.warn({ err, instance: spec.name }, "Cannot end an unwell instance");
    }
  }

  /** Puts on record that the run is over, and how. */
  #putExit(lastExit: Exit): void {
    const { spec } = this.#record;
    const { clock, log } = this.#options;
    this.#note(endedWith(this.#record, lastExit, clock.now()));
    // What it wrote is its owner's, and not for the operator's eyes.
    const { output, message: _, ...how } = lastExit;
    const why = lastExit.reason === "NotStarted" && { output };
    log.warn({ instance: spec.name, ...how, ...why }, "An instance ended");
  }

  /** The pause before the next run. */
  async #wait(): Promise<void> {
    const { backoff, clock, chance } = this.#options;
    const { failures, lastExit } = this.#record;
    const ms = delayMs(backoff, Math.max(0, failures - 1), chance);
    const at = timestampOf(clock.now() + ms);
    const why = lastExit === undefined ? "" : `${toldOf(lastExit)}; `;
    this.#show("waiting", `${why}it is started again at ${at}`);
    await clock.sleep(ms, { signal: this.#over.signal });
  }

  async #stop(): Promise<void> {
    const { name, graceMs } = this.#record.spec;
    this.#note({ isStopping: true });
    this.#show("stopping", "it was told to end");
    this.#over.abort();
    await this.#keeping;
    const { signal } = this.#closed;
    try {
      const run = this.#run ?? (await this.#look(signal));
      await run?.end({ graceMs, signal });
      await run?.clear(signal);
      this.#run = undefined;
      await this.#options.driver.remove(this.#record);
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
      throw new Error(`Cannot see the end of instance "${name}": the runtime was closed`);
    }
  }

  #save(change: Partial<InstanceRecord<R>>): void {
    this.#record = { ...this.#record, ...change };
    this.#options.records.put(this.#record);
  }

  /** As `save`, where a full disk must not keep us from going on. */
  #note(change: Partial<InstanceRecord<R>>): void {
    try {
      this.#save(change);
    } catch (err) {
      const instance = this.#record.spec.name;
      this.#options.log.warn({ err, instance }, "Cannot write the record of an instance");
    }
  }

  /** Somebody waits, and who reads what was before will only probe it, or thaw it, once more. */
  #noteLater(): void {
    this.#options.clock.after(0, () => this.#note({}));
  }

  #show(phase: Instance["phase"], message: string): void {
    // What comes late, when it is on its way out, is no news.
    if (this.#stopping !== undefined && phase !== "stopping") return;
    const next = instanceOf(this.#record, { phase, message }, this.#options.driver.placeOf);
    if (isDeepStrictEqual(next, this.#instance)) return;
    this.#instance = next;
    this.#options.tell();
  }
}
