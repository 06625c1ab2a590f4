import { ApiError } from "../../src/api/error.ts";
import type { LineLog } from "../../src/base/line_log.ts";
import type { ImageStore } from "../../src/oci/oci.ts";
import { refilled } from "../../src/runtime/refilled.ts";
import type {
  Exit,
  Instance,
  InstanceSpec,
  Runtime,
  Usage,
  Volume,
} from "../../src/runtime/runtime.ts";
import { NOW } from "./world_clock.ts";

/** How instances of one revision behave in the world: ready at once, or as a test says. */
export type Behaviour = Partial<
  Pick<Instance, "phase" | "message" | "start" | "lastExit" | "caveats">
>;

/** The simplest runtime: instances are entries of a table, and do as they are told. */
export class ModelRuntime implements Runtime {
  readonly kind = "process";
  /** What no runtime should be told: a sentence each. */
  readonly faults: string[] = [];
  /** Set, it cannot end instances. */
  isStuck = false;
  /** Called before an instance is run or ended; may throw, or do something in between. */
  onWrite: (verb: "run" | "refill" | "stop", name: string) => Promise<void> = async () => {};
  readonly #images: ImageStore;
  readonly #isUsed: (name: string) => boolean;
  readonly #instances = new Map<string, Instance>();
  readonly #listeners = new Set<(name: string) => void>();
  readonly #behaviours = new Map<string, Behaviour>();
  #port = 20_000;

  constructor(images: ImageStore, isUsed: (name: string) => boolean) {
    this.#images = images;
    this.#isUsed = isUsed;
  }

  async start(): Promise<void> {}

  async whyNot(image: Instance["spec"]["image"]): Promise<undefined> {
    await this.#images.image(image);
    return undefined;
  }

  /** From now on, also for those that run. */
  behave(revision: string, behaviour: Behaviour): void {
    this.#behaviours.set(revision, behaviour);
    for (const instance of this.list()) {
      // What is frozen does nothing else.
      const { phase } = instance.phase === "frozen" ? instance : { ...instance, ...behaviour };
      if (instance.spec.revision === revision) this.#set({ ...instance, ...behaviour, phase });
    }
  }

  /** The same for one that runs. */
  behaveOne(name: string, behaviour: Behaviour): void {
    const instance = this.#instances.get(name);
    if (instance !== undefined) this.#set({ ...instance, ...behaviour });
  }

  async run(spec: InstanceSpec): Promise<void> {
    await this.onWrite("run", spec.name);
    if (this.#instances.has(spec.name)) return;
    this.#port += 1;
    this.#set({
      spec,
      phase: "ready",
      address: { host: "127.0.0.1", port: this.#port },
      createdAt: NOW,
      startedAt: NOW,
      restarts: 0,
      message: "",
      caveats: [],
      ...this.#behaviours.get(spec.revision),
    });
  }

  async freeze(name: string): Promise<void> {
    const instance = this.#instances.get(name);
    if (instance?.phase !== "ready") return;
    if (this.#isUsed(name)) this.faults.push(`${name} was frozen while the gateway used it`);
    const thaw = { path: `/frozen/${name}`, text: "THAWED" };
    this.#set({ ...instance, phase: "frozen", thaw });
  }

  async thaw(name: string): Promise<void> {
    const instance = this.#instances.get(name);
    if (instance?.phase !== "frozen") return;
    const { thaw: _, ...rest } = instance;
    this.#set({ ...rest, phase: "ready" });
  }

  async refill(name: string, volumes: readonly Volume[]): Promise<void> {
    await this.onWrite("refill", name);
    const instance = this.#instances.get(name);
    if (instance === undefined) return;
    this.#set({ ...instance, spec: refilled(instance.spec, volumes) });
  }

  async stop(name: string): Promise<void> {
    await this.onWrite("stop", name);
    if (this.isStuck) throw new Error(`instance ${name} does not end`);
    if (!this.#instances.has(name)) return;
    if (this.#isUsed(name)) this.faults.push(`${name} was stopped while the gateway used it`);
    this.#instances.delete(name);
    this.#tell(name);
  }

  get(name: string): Instance | undefined {
    return this.#instances.get(name);
  }

  list(): readonly Instance[] {
    return [...this.#instances.values()];
  }

  /** The instances of a revision. */
  of(revision: string): readonly Instance[] {
    return this.list().filter(({ spec }) => spec.revision === revision);
  }

  watch(listener: (name: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  log(name: string): ReturnType<LineLog["read"]> {
    return (async function* () {
      yield { at: NOW, from: name, run: 0, text: `${name} says hello` };
    })();
  }

  /** What an instance uses. */
  usageOf: (name: string) => Usage | undefined = () => undefined;

  async usage(name: string): Promise<Usage | undefined> {
    return this.#instances.has(name) ? this.usageOf(name) : undefined;
  }

  async exec(): Promise<never> {
    throw new ApiError("NotImplemented", "entries of a table run no commands");
  }

  async collect(): Promise<void> {}

  async dropLogs(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  #set(instance: Instance): void {
    this.#instances.set(instance.spec.name, instance);
    this.#tell(instance.spec.name);
  }

  #tell(name: string): void {
    for (const tell of this.#listeners) tell(name);
  }
}

/** An end by exit code, with the last line that was written. */
export function exited(code: number, output: string): Exit {
  return { code, reason: code === 0 ? "Completed" : "Error", output, at: NOW };
}
