import type { Target } from "../attempt.ts";
import type { Ended, EndOptions, Remains, Run } from "../run.ts";
import type { ExecRequest, Execution, InstanceSpec, Usage } from "../runtime.ts";
import type { Connection } from "./connection.ts";
import { type Engine, isStatus } from "./engine.ts";
import { look, removeContainer } from "./engine_container.ts";
import { STATS, WAITED } from "./engine_schema.ts";
import { execProbe, execute } from "./execution.ts";
import { LogPump } from "./log_pump.ts";
import type { ContainerRecord, Shared } from "./shared.ts";
import { readTerminationMessage } from "./termination_message.ts";

export interface ContainerRunOptions {
  readonly spec: InstanceSpec;
  readonly record: ContainerRecord;
  readonly connection: Pick<Connection, "engine" | "isDirect">;
  readonly isAdopted: boolean;
}

/** Between tries to hear of a container's end, when the engine has gone away. */
const AGAIN_MS = 1000;
const USAGE_LIMIT_MS = 5000;
/** What is killed is gone at once, unless the machine or the engine is stuck. */
const KILLED_MS = 10_000;

/** One run of an instance that is a container. */
export class ContainerRun implements Run {
  readonly target: Target;
  readonly ended: Promise<Ended>;
  readonly #shared: Shared;
  readonly #options: ContainerRunOptions;
  readonly #pump: LogPump;
  readonly #closed = new AbortController();
  #isOver = false;
  /** We have told it to end. */
  #isEnding = false;
  /** Freezing and thawing take their time, and are done in the order of asking. */
  #turn: Promise<void> = Promise.resolve();

  constructor(shared: Shared, options: ContainerRunOptions) {
    const { spec, record, connection, isAdopted } = options;
    const { host, port } = record.address ?? { host: "127.0.0.1", port: 0 };
    this.#shared = shared;
    this.#options = options;
    this.target = {
      host,
      port,
      askedPort: spec.port,
      protocol: spec.protocol,
      isProxied: !connection.isDirect,
      exec: (command, signal) => execProbe(command, signal, this.#place()),
    };
    const { promise, resolve } = Promise.withResolvers<Ended>();
    this.ended = promise;
    void this.#waitFor(resolve);
    const writer = { name: spec.name, revision: spec.revision, run: record.number };
    const pumping = { ...shared, container: this.#id, writer, ended: promise };
    this.#pump = new LogPump(pumping, isAdopted);
  }

  freeze(): void {
    this.#inTurn("pause");
  }

  thaw(): void {
    this.#inTurn("unpause");
  }

  settle(): void {}

  async usage(): Promise<Usage | undefined> {
    const query = { stream: false, "one-shot": true };
    const limitMs = USAGE_LIMIT_MS;
    try {
      const path = `/containers/${this.#id}/stats`;
      const stats = await this.#ask((engine) => engine.get(path, STATS, { query, limitMs }));
      const cpuNs = stats.cpu_stats?.cpu_usage?.total_usage;
      const memoryBytes = stats.memory_stats?.usage;
      if (cpuNs === undefined || memoryBytes === undefined) return undefined;
      return { cpuNs, memoryBytes };
    } catch {
      // It has just ended, or the engine has.
      return undefined;
    }
  }

  async exec(request: ExecRequest): Promise<Execution> {
    await this.#turn;
    return await execute(request, this.#place());
  }

  async end({ graceMs, signal }: EndOptions): Promise<void> {
    const { images } = this.#shared;
    const { spec } = this.#options;
    if (this.#isOver) return;
    this.#isEnding = true;
    // It may be frozen, and then hears nothing.
    this.thaw();
    await this.#turn;
    const { config } = await images.image(spec.image).catch(() => ({ config: undefined }));
    await this.#kill(config?.config?.StopSignal ?? "SIGTERM");
    if (await this.#endsWithin(graceMs, signal)) return;
    await this.#kill("SIGKILL");
    if (await this.#endsWithin(KILLED_MS, signal)) return;
    throw new Error(`container ${this.#id} has not ended, though it was killed`);
  }

  async clear(): Promise<Remains> {
    const output = await this.#pump.close();
    const isOutOfMemory = await this.#wasOutOfMemory();
    const { volumesOf } = this.#shared;
    const message = readTerminationMessage(volumesOf(this.#options.spec.name));
    this[Symbol.dispose]();
    const said = { output, ...(message !== undefined && { message }) };
    return { ...said, isOutOfMemory, wasStarted: true };
  }

  /** Looks at it for the last time, and removes it: if not now, it is swept up later. */
  async #wasOutOfMemory(): Promise<boolean> {
    let isOutOfMemory = false;
    try {
      const found = await this.#ask((engine) => look(engine, this.#id));
      isOutOfMemory = found?.State.OOMKilled === true;
      await this.#ask((engine) => removeContainer(engine, this.#id));
    } catch (err) {
      const instance = this.#options.spec.name;
      this.#shared.log.warn({ err, instance }, "Cannot remove a container");
    }
    return isOutOfMemory;
  }

  [Symbol.dispose](): void {
    this.#closed.abort();
    this.#pump[Symbol.dispose]();
  }

  get #id(): string {
    const { id, container } = this.#options.record;
    return id ?? container;
  }

  #place() {
    const { engine } = this.#options.connection;
    const { clock } = this.#shared;
    return { engine, clock, container: this.#id };
  }

  #ask<T>(act: (engine: Engine) => Promise<T>): Promise<T> {
    return this.#shared.connections.use(({ engine }) => act(engine));
  }

  async #endsWithin(ms: number, signal: AbortSignal): Promise<boolean> {
    const over = new AbortController();
    const either = AbortSignal.any([over.signal, signal]);
    const late = this.#shared.clock.sleep(ms, { signal: either }).then(() => false);
    try {
      return await Promise.race([late, this.ended.then(() => true)]);
    } finally {
      over.abort();
    }
  }

  #inTurn(verb: "pause" | "unpause"): void {
    this.#turn = this.#turn.then(async () => {
      if (this.#isOver) return;
      try {
        await this.#ask((engine) => engine.act(`/containers/${this.#id}/${verb}`));
      } catch (err) {
        // It is so already, or has ended.
        if (isStatus(err, 404, 409, 500)) return;
        const instance = this.#options.spec.name;
        this.#shared.log.warn({ err, instance }, `Cannot ${verb} a container`);
      }
    });
  }

  async #kill(signal: string): Promise<void> {
    try {
      const query = { signal };
      await this.#ask((engine) => engine.act(`/containers/${this.#id}/kill`, { query }));
    } catch (thrown) {
      // It has ended already.
      if (!isStatus(thrown, 404, 409, 500)) throw thrown;
    }
  }

  /** Hears of its end, however often the engine goes away before. */
  async #waitFor(tell: (ended: Ended) => void): Promise<void> {
    const { clock } = this.#shared;
    const { signal } = this.#closed;
    const over = (ended: Ended) => {
      this.#isOver = true;
      tell(ended);
    };
    while (!signal.aborted) {
      try {
        const path = `/containers/${this.#id}/wait`;
        const call = { signal, limitMs: 0 };
        const { StatusCode: code } = await this.#shared.connections.use(async (connection) => {
          const waited = await connection.engine.post(path, WAITED, call);
          if (!this.#isEnding) connection.departure.noteEnd(this.#id);
          return waited;
        });
        return over({ code });
      } catch (thrown) {
        if (isStatus(thrown, 404)) return over({});
        await clock.sleep(AGAIN_MS, { signal }).catch(() => {});
      }
    }
  }
}
