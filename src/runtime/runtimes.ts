import { isReason } from "../api/error.ts";
import { assert } from "../base/assert.ts";
import type { LogLine } from "../base/log_line.ts";
import { type Digest, OciError } from "../oci/oci.ts";
import type { InstanceLogOptions } from "./keepers.ts";
import type {
  ExecRequest,
  Execution,
  Instance,
  InstanceSpec,
  Needs,
  Runtime,
  Usage,
  Volume,
} from "./runtime.ts";

/** A runtime whose instances are this server's own to end. */
export interface OwnRuntime extends Runtime {
  /** Ends all instances, for a server that shall leave nothing behind. */
  stopAll(): Promise<void>;
  /** Writes the records of all instances anew, sealed as they would be now. */
  reseal(): number;
}

/** Words for people: what an instance of this kind of runtime is. */
const AS: Readonly<Record<string, string>> = {
  process: "As a plain process",
  container: "As a container",
};

/**
 * Several runtimes as one: an image runs by the first that can run it, and an instance stays with
 * the one that has it.
 */
export class Runtimes implements OwnRuntime {
  readonly kind: string;
  readonly #drivers: readonly [OwnRuntime, ...OwnRuntime[]];

  constructor(drivers: readonly OwnRuntime[]) {
    const [first, ...rest] = drivers;
    assert(first !== undefined, "A server has one runtime at least");
    this.#drivers = [first, ...rest];
    this.kind = drivers.map(({ kind }) => kind).join("+");
  }

  async start(): Promise<void> {
    for (const driver of this.#drivers) await driver.start();
  }

  async whyNot(image: Digest, needs: Needs = {}): Promise<string | undefined> {
    const reasons: string[] = [];
    for (const driver of this.#drivers) {
      const why = await driver.whyNot(image, needs);
      if (why === undefined) return undefined;
      reasons.push(`${AS[driver.kind] ?? `By ${driver.kind}`}: ${why}`);
    }
    return reasons.join(". ");
  }

  async run(spec: InstanceSpec): Promise<void> {
    const driver = this.#ownerOf(spec.name) ?? (await this.#chosenFor(spec));
    await driver.run(spec);
  }

  async freeze(name: string): Promise<void> {
    await this.#ownerOf(name)?.freeze(name);
  }

  async thaw(name: string): Promise<void> {
    await this.#ownerOf(name)?.thaw(name);
  }

  async refill(name: string, volumes: readonly Volume[]): Promise<void> {
    await this.#ownerOf(name)?.refill(name, volumes);
  }

  async stop(name: string): Promise<void> {
    await this.#ownerOf(name)?.stop(name);
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#drivers.map((driver) => driver.stopAll()));
  }

  reseal(): number {
    return this.#drivers.reduce((sum, driver) => sum + driver.reseal(), 0);
  }

  get(name: string): Instance | undefined {
    return this.#ownerOf(name)?.get(name);
  }

  list(): readonly Instance[] {
    return this.#drivers.flatMap((driver) => driver.list());
  }

  watch(listener: (name: string) => void): Disposable {
    const watching = new DisposableStack();
    for (const driver of this.#drivers) watching.use(driver.watch(listener));
    return watching;
  }

  log(name: string, options?: InstanceLogOptions): AsyncIterable<LogLine> {
    const owner = this.#ownerOf(name);
    if (owner !== undefined) return owner.log(name, options);
    const [first, ...rest] = this.#drivers;
    for (const driver of rest) {
      try {
        return driver.log(name, options);
      } catch (thrown) {
        if (!isReason(thrown, "NotFound")) throw thrown;
      }
    }
    return first.log(name, options);
  }

  async usage(name: string): Promise<Usage | undefined> {
    return await this.#ownerOf(name)?.usage(name);
  }

  async exec(name: string, request: ExecRequest): Promise<Execution> {
    const driver = this.#ownerOf(name) ?? this.#drivers[0];
    return await driver.exec(name, request);
  }

  async collect(kept: ReadonlySet<Digest>): Promise<void> {
    for (const driver of this.#drivers) await driver.collect(kept);
  }

  async dropLogs(revision: string): Promise<void> {
    for (const driver of this.#drivers) await driver.dropLogs(revision);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#drivers.map((driver) => driver[Symbol.asyncDispose]()));
  }

  #ownerOf(name: string): OwnRuntime | undefined {
    return this.#drivers.find((driver) => driver.get(name) !== undefined);
  }

  /** When none can run it, the last one says so by its instance. */
  async #chosenFor({ image, volumes = [] }: InstanceSpec): Promise<OwnRuntime> {
    const needs = { volumes: volumes.map(({ name }) => name) };
    for (const driver of this.#drivers) {
      try {
        if ((await driver.whyNot(image, needs)) === undefined) return driver;
      } catch (thrown) {
        if (!(thrown instanceof OciError)) throw thrown;
      }
    }
    return this.#drivers.at(-1) ?? this.#drivers[0];
  }
}
