import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../../base/assert.ts";
import type { Backoff } from "../../base/backoff.ts";
import type { Chance } from "../../base/chance.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { LogLine } from "../../base/log_line.ts";
import type { Seal } from "../../base/seal.ts";
import type { Digest, ImageStore } from "../../oci/oci.ts";
import { type InstanceLogOptions, Keepers } from "../keepers.ts";
import { NotStarted } from "../not_started.ts";
import { Records } from "../records.ts";
import { RevisionLogs } from "../revision_logs.ts";
import type { Driver } from "../run.ts";
import type { ExecRequest, Execution, Instance, InstanceSpec, Usage, Volume } from "../runtime.ts";
import type { OwnRuntime } from "../runtimes.ts";
import type { EngineAddress, UnusableAddress } from "./address.ts";
import { type Connection, Connections } from "./connection.ts";
import { EngineError } from "./engine.ts";
import { sweep } from "./engine_container.ts";
import { whyUnfit } from "./fitness.ts";
import { LoadedImages } from "./loaded_images.ts";
import { adoptRun, beginRun, removeVolumes } from "./run.ts";
import type { ContainerRecord, Shared } from "./shared.ts";
import { refillVolumes } from "./volumes.ts";

export interface ContainerRuntimeOptions {
  /** Its directory: records and volumes of instances, and logs. */
  readonly home: string;
  readonly images: ImageStore;
  /** Where an engine may be: the first that answers is taken. None where there is to be none. */
  readonly addresses: readonly (EngineAddress | UnusableAddress)[];
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  /** For records of instances, which have their variables in them. */
  readonly seal?: Seal;
  /** How many processes and threads an instance may have. */
  readonly pidsMax?: number;
  /** Instances are reached by ports of this machine, also where that is not needed. */
  readonly isPublished?: boolean;
  /** The pause before an instance that ended is started again. */
  readonly backoff?: Backoff;
}

const PIDS_MAX = 4096;
const BACKOFF: Backoff = { firstMs: 250, mostMs: 5 * 60 * 1000 };

/**
 * Runs instances as containers of Docker or Podman. Each has files, processes, limits and an
 * address of its own, so it listens on the very port it would like. The engine may come later, or
 * go and come back; what it ran is found by its name. A home is for one runtime at a time.
 */
export class ContainerRuntime implements OwnRuntime {
  readonly kind = "container";
  readonly #options: ContainerRuntimeOptions;
  readonly #logs: RevisionLogs;
  readonly #records: Records<ContainerRecord>;
  readonly #keepers: Keepers<ContainerRecord>;
  #shared: Shared | undefined;
  #isClosed = false;

  constructor(options: ContainerRuntimeOptions) {
    const { home, clock, chance, log, seal, backoff = BACKOFF } = options;
    this.#options = options;
    this.#logs = new RevisionLogs({ directory: join(home, "logs") });
    this.#records = new Records(join(home, "instances"), { log, seal });
    this.#keepers = new Keepers({
      ...{ clock, chance, log, backoff },
      driver: this.#driver(),
      records: this.#records,
      logs: this.#logs,
    });
  }

  async start(): Promise<void> {
    assert(this.#shared === undefined, "A runtime is started once");
    // Engines mount what is in it as root or as we are; an earlier version let others pass.
    mkdirSync(this.#options.home, { recursive: true });
    chmodSync(this.#options.home, 0o700);
    this.#shared = this.#share();
    this.#records.start();
    this.#logs.start();
    await this.#keepers.start();
  }

  /** Writes the records of all instances anew, sealed as they would be now. */
  reseal(): number {
    return this.#keepers.reseal();
  }

  async whyNot(image: Digest): Promise<string | undefined> {
    const { images, connections } = this.#open();
    const { config } = await images.image(image);
    try {
      const { platform } = await connections.live();
      return whyUnfit(config, platform);
    } catch (thrown) {
      if (thrown instanceof NotStarted || thrown instanceof EngineError) return thrown.message;
      throw thrown;
    }
  }

  async run(spec: InstanceSpec): Promise<void> {
    this.#open();
    await this.#keepers.run(spec);
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

  async stop(name: string): Promise<void> {
    this.#open();
    await this.#keepers.stop(name);
  }

  /** What cannot be ended, as the engine is away, is found by the next server. */
  async stopAll(): Promise<void> {
    const names = this.list().map(({ spec }) => spec.name);
    const stops = await Promise.allSettled(names.map((name) => this.#keepers.stop(name)));
    for (const { reason: err } of stops.filter((it) => it.status === "rejected"))
      this.#options.log.warn({ err }, "Cannot end an instance");
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

  usage(name: string): Promise<Usage | undefined> {
    return this.#keepers.usage(name);
  }

  async exec(name: string, request: ExecRequest): Promise<Execution> {
    this.#open();
    return await this.#keepers.exec(name, request);
  }

  async collect(kept: ReadonlySet<Digest>): Promise<void> {
    const { connections, loaded, log, mark } = this.#open();
    // Nobody has asked for a container yet, so it is not for us to call on an engine.
    if (!connections.isUp) return;
    const all = new Set([...kept, ...this.list().map(({ spec }) => spec.image)]);
    try {
      await connections.use(async (connection) => {
        await this.#sweep(connection, mark);
        await loaded.collect(connection.engine, all);
      });
    } catch (err) {
      // Without an engine there is nothing to remove, or it is done the next time.
      if (err instanceof NotStarted) return;
      log.warn({ err }, "Cannot remove images from the container engine");
    }
  }

  async dropLogs(revision: string): Promise<void> {
    this.#logs.drop(revision);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#keepers[Symbol.asyncDispose]();
    await this.#shared?.connections[Symbol.asyncDispose]();
    this.#logs[Symbol.dispose]();
  }

  #open(): Shared {
    assert(!this.#isClosed, "A runtime that is closed does nothing");
    assert(this.#shared !== undefined, "A runtime is started before it is asked for anything");
    return this.#shared;
  }

  #share(): Shared {
    const { home, images, addresses, clock, chance, log } = this.#options;
    const { pidsMax = PIDS_MAX, isPublished = false } = this.#options;
    const mark = createHash("sha256").update(realpathSync(home)).digest("hex").slice(0, 12);
    const welcome = (connection: Connection) => this.#sweep(connection, mark);
    return {
      ...{ clock, chance, log, images, pidsMax, mark },
      connections: new Connections({ addresses, clock, isPublished, welcome }),
      loaded: new LoadedImages({ images, mark }),
      logs: this.#logs,
      volumesOf: (name) => join(this.#records.directoryOf(name), "volumes"),
    };
  }

  async #sweep({ engine }: Connection, mark: string): Promise<void> {
    for (const err of await sweep(engine, mark, this.#known()))
      this.#options.log.warn({ err }, "Cannot remove a container that nobody knows of");
  }

  /** The containers that are on record. */
  #known(): ReadonlySet<string> {
    const runs = this.#records.list().map(({ run }) => run);
    return new Set(runs.flatMap((run) => (run?.phase === "over" ? [] : (run?.container ?? []))));
  }

  #driver(): Driver<ContainerRecord> {
    return {
      whyNotNow: async ({ image }) => {
        const why = await this.#open().connections.whyNotNow();
        return why && `image ${image} cannot run here now: ${why}`;
      },
      begin: (beginning) => beginRun(this.#open(), beginning),
      adopt: (known) => adoptRun(this.#open(), known),
      placeOf: ({ id, address }) =>
        id === undefined ? undefined : { ...(address !== undefined && { address }) },
      refill: ({ name, volumes = [] }) => refillVolumes(volumes, this.#open().volumesOf(name)),
      remove: async ({ spec }) => {
        await removeVolumes(this.#open(), spec.name);
        await this.#records.remove(spec.name);
      },
    };
  }
}
