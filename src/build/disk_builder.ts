import { join, resolve } from "node:path";
import { ApiError } from "../api/error.ts";
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import type { HttpClient } from "../base/http_client.ts";
import type { LineLog, ReadOptions } from "../base/line_log.ts";
import type { Log } from "../base/log.ts";
import type { LogLine } from "../base/log_line.ts";
import { TREE_LIMITS, type TreeLimits } from "../base/safe_tree.ts";
import type { ImageStore, Registry } from "../oci/oci.ts";
import type { Builder, BuildRequest, BuildState, StepsRequest } from "./build.ts";
import { BuildCaches, type CacheLimits } from "./build_caches.ts";
import { BuildError, failureOf } from "./build_error.ts";
import { BuildRecords, isEnded } from "./build_record.ts";
import type { Containers } from "./containers.ts";
import { clearLeftovers, endProcesses, hasLeftovers } from "./leftovers.ts";
import { runBuild } from "./run_build.ts";
import { partsOf, runSteps } from "./run_steps.ts";
import { Work } from "./work.ts";

export interface DiskBuilderOptions {
  /** The directory of records, logs, caches and builds at work. It is made when it is missing. */
  readonly home: string;
  /** Where images go, and where uploads are. */
  readonly images: ImageStore;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Where git, npm and the tools that they need are, in the form of `PATH`. */
  readonly toolPath: string;
  /** Of every process of a build, besides what we set: proxies, certificates, registries. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What builds of steps need; without it there are none. */
  readonly containers?: Containers;
  /** For images of steps, base images, and to send images to. */
  readonly registry?: Registry;
  /** What apps are laid on where nobody says; they run as plain processes when left out. */
  readonly baseImage?: string;
  /** How many builds run at a time. */
  readonly buildsMax?: number;
  /** How long one may take. */
  readonly timeLimitMs?: number;
  /** What a source may hold. */
  readonly sourceLimits?: Partial<TreeLimits>;
  /** What an app may hold when it is ready. */
  readonly imageLimits?: Partial<Pick<TreeLimits, "bytesMax" | "entriesMax">>;
  /** What images are for; this machine when left out. */
  readonly machine?: { readonly platform: string; readonly arch: string };
}

/** A build that was asked for in this life of the server. */
interface Build {
  readonly request: BuildRequest | StepsRequest;
  readonly log: LineLog;
  readonly aborting: AbortController;
  /** Nobody wants it any more: it ends without a trace. */
  isDropped: boolean;
  /** Resolves once nothing of it runs. */
  done: Promise<void>;
}

const IMAGE_LIMITS = { bytesMax: 8 * 1024 ** 3, entriesMax: 1_000_000 };
const NONE: Promise<void> = Promise.resolve();

/** Builds on this machine, by processes of its tools, a few at a time. */
export class DiskBuilder implements Builder {
  readonly #options: DiskBuilderOptions;
  readonly #home: string;
  readonly #records: BuildRecords;
  readonly #caches: BuildCaches;
  readonly #states = new Map<string, BuildState>();
  readonly #builds = new Map<string, Build>();
  readonly #forgetting = new Map<string, Promise<void>>();
  readonly #listeners = new Set<(id: string) => void>();
  #waiting: Build[] = [];
  #running = 0;
  #isOpen = false;

  constructor(options: DiskBuilderOptions) {
    this.#options = options;
    this.#home = resolve(options.home);
    this.#records = new BuildRecords(join(this.#home, "builds"));
    this.#caches = new BuildCaches({ home: this.#home, clock: options.clock });
  }

  async start(): Promise<void> {
    const works = join(this.#home, "work");
    // What an earlier life has left writes into these directories.
    if (hasLeftovers(works)) await this.#options.containers?.whyNone();
    await clearLeftovers(works, this.#options.clock);
    for (const { id, state } of await this.#records.start()) this.#states.set(id, state);
    this.#isOpen = true;
  }

  build(request: BuildRequest | StepsRequest): BuildState {
    const known = this.#states.get(request.id);
    if (known !== undefined) return known;
    if (!this.#isOpen) throw new ApiError("ServiceUnavailable", "The builder is not running");
    const build: Build = {
      request,
      log: this.#records.logOf(request.id),
      aborting: new AbortController(),
      isDropped: false,
      done: NONE,
    };
    this.#builds.set(request.id, build);
    this.#waiting.push(build);
    const parts = "plan" in request ? { parts: partsOf(request) } : {};
    const state: BuildState = { phase: "Pending", ...parts };
    this.#set(request.id, state);
    queueMicrotask(() => this.#runNext());
    return state;
  }

  state(id: string): BuildState | undefined {
    return this.#states.get(id);
  }

  async whyNoSteps(): Promise<string | undefined> {
    const { containers } = this.#options;
    return containers === undefined ? "it was set up without containers" : containers.whyNone();
  }

  cancel(id: string): void {
    const build = this.#builds.get(id);
    if (build === undefined) return;
    build.aborting.abort(new BuildError("BuildCancelled", "The build was cancelled"));
    // One that waits need not have its turn in order to end.
    if (!this.#waiting.includes(build)) return;
    this.#waiting = this.#waiting.filter((it) => it !== build);
    build.done = this.#run(build);
  }

  log(id: string, options?: ReadOptions): AsyncIterable<LogLine> {
    if (!this.#states.has(id)) throw new ApiError("NotFound", `Cannot find the build "${id}"`);
    const build = this.#builds.get(id);
    if (build !== undefined) return build.log.read(options);
    const log = this.#records.logOf(id);
    log.end();
    return log.read(options);
  }

  async forget(id: string): Promise<void> {
    if (!this.#states.delete(id)) return await this.#forgetting.get(id);
    const build = this.#builds.get(id);
    if (build !== undefined) this.#drop(build);
    const gone = this.#clear(id, build).finally(() => {
      if (this.#forgetting.get(id) === gone) this.#forgetting.delete(id);
    });
    this.#forgetting.set(id, gone);
    this.#tell(id);
    await gone;
  }

  /** Removes what builds have fetched and need no longer, and answers with its bytes. */
  async collectCaches(limits: CacheLimits): Promise<number> {
    return await this.#caches.collect(limits);
  }

  watch(listener: (id: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    const builds = [...this.#builds.values()];
    for (const build of builds) this.#drop(build);
    await Promise.all([...builds.map(({ done }) => done), ...this.#forgetting.values()]);
    await this.#options.containers?.[Symbol.asyncDispose]();
  }

  #drop(build: Build): void {
    build.isDropped = true;
    this.#waiting = this.#waiting.filter((it) => it !== build);
    this.#builds.delete(build.request.id);
    build.aborting.abort(new Error("nobody wants this build any more"));
    build.log.end();
  }

  async #clear(id: string, build: Build | undefined): Promise<void> {
    await build?.done;
    build?.log.remove();
    await this.#records.delete(id);
  }

  #runNext(): void {
    const { buildsMax = 2 } = this.#options;
    while (this.#running < buildsMax) {
      const build = this.#waiting.shift();
      if (build === undefined) return;
      this.#running += 1;
      build.done = this.#run(build).finally(() => {
        this.#running -= 1;
        this.#runNext();
      });
    }
  }

  /** Never throws: what goes wrong is the state of the build, or for the operator. */
  async #run(build: Build): Promise<void> {
    const { request, log } = build;
    const { id } = request;
    // The same id may have been forgotten a moment ago.
    await this.#forgetting.get(id)?.catch(() => {});
    const work = this.#workOf(build);
    const end = build.isDropped ? undefined : await this.#attempt(build, work);
    await this.#clean(work, id);
    log[Symbol.dispose]();
    if (build.isDropped || end === undefined) return;
    await this.#keep(id, end);
    // It may have been forgotten while its record was written.
    if (build.isDropped) return;
    this.#builds.delete(id);
    this.#set(id, end);
  }

  async #attempt(build: Build, work: Work): Promise<BuildState> {
    const { clock, timeLimitMs } = this.#options;
    const { request, aborting } = build;
    const limitMs = "plan" in request ? request.plan.timeLimitMs : (timeLimitMs ?? 600_000);
    if (!aborting.signal.aborted) {
      this.#update(build, { phase: "Building", startedAt: clock.timestamp() });
    }
    using _ = clock.after(limitMs, () => aborting.abort(tooLate(limitMs, work.step)));
    try {
      await work.begin();
      const made = await this.#make(build, work);
      return this.#ended(build, { phase: "Succeeded", ...made });
    } catch (thrown) {
      const failure = failureOf(
        aborting.signal.aborted ? aborting.signal.reason : thrown,
        work.step,
      );
      const message = work.withoutSecrets(failure.message);
      if (build.isDropped) return { phase: "Failed" };
      this.#options.log.info({ build: request.id, err: thrown }, "a build failed");
      work.say(message);
      return this.#ended(build, { phase: "Failed", reason: failure.reason, message });
    }
  }

  async #make(build: Build, work: Work): Promise<Pick<BuildState, "image">> {
    const { images, http, clock, sourceLimits, imageLimits, containers } = this.#options;
    const { registry, baseImage } = this.#options;
    const { machine = { platform: process.platform, arch: process.arch } } = this.#options;
    const { request } = build;
    const shared = {
      ...{ images, http, limits: { ...TREE_LIMITS, ...sourceLimits } },
      onOrigin: (origin: string) => this.#update(build, { origin }),
    };
    if ("plan" in request) {
      assert(containers && registry, "Whoever asks for steps has asked whether there are any");
      const onParts = (parts: NonNullable<BuildState["parts"]>) => this.#update(build, { parts });
      await runSteps(request, work, { ...shared, containers, registry, clock, onParts });
      return {};
    }
    const limits = { ...IMAGE_LIMITS, ...imageLimits };
    const deps = { ...shared, machine, registry, baseImage, ...limits };
    const { digest } = await runBuild(request, work, deps);
    return { image: digest };
  }

  #ended({ request }: Build, end: BuildState): BuildState {
    const completedAt = this.#options.clock.timestamp();
    const { step, ...last } = this.#states.get(request.id) ?? { phase: "Building" };
    const kept = end.phase === "Failed" && step !== undefined ? { step } : {};
    return { ...last, ...kept, ...end, completedAt };
  }

  #workOf(build: Build): Work {
    const { clock, toolPath, environment = {} } = this.#options;
    const { log, aborting, request } = build;
    const root = join(this.#home, "work", this.#records.nameOf(request.id));
    return new Work({
      ...{ clock, toolPath, environment, log, signal: aborting.signal },
      root,
      cache: (name) => this.#caches.use(name, root),
      onStep: (step) => this.#update(build, { step }),
      onLogFailure: (thrown) => aborting.abort(failureOf(thrown, "log")),
    });
  }

  async #clean(work: Work, id: string): Promise<void> {
    try {
      await endProcesses(work.at(), this.#options.clock);
      this.#caches.release(work.at());
      await work.end();
    } catch (err) {
      this.#options.log.error({ build: id, err }, "what a build left behind cannot be removed");
    }
  }

  async #keep(id: string, state: BuildState): Promise<void> {
    try {
      await this.#records.put({ id, state });
    } catch (err) {
      this.#options.log.error({ build: id, err }, "the end of a build cannot be recorded");
    }
  }

  #update({ request: { id }, isDropped }: Build, change: Partial<BuildState>): void {
    const last = this.#states.get(id);
    if (isDropped || last === undefined || isEnded(last)) return;
    this.#set(id, { ...last, ...change });
  }

  #set(id: string, state: BuildState): void {
    this.#states.set(id, state);
    this.#tell(id);
  }

  #tell(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }
}

function tooLate(timeLimitMs: number, step: string): BuildError {
  const message = `The build was ended after ${timeLimitMs / 1000} s, in the step "${step}"`;
  return new BuildError("BuildTimeout", message);
}
