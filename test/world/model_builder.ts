import type { LogLine } from "../../src/base/line_log.ts";
import type { Builder, BuildRequest, BuildState } from "../../src/build/build.ts";
import { NOW } from "./world_clock.ts";

/** The simplest builder: a build is what a test says it is. */
export class ModelBuilder implements Builder {
  readonly #states = new Map<string, BuildState>();
  readonly #listeners = new Set<(id: string) => void>();

  async start(): Promise<void> {}

  build({ id }: BuildRequest): BuildState {
    const state = this.#states.get(id) ?? { phase: "Pending" };
    this.#states.set(id, state);
    return state;
  }

  /** Says how a build stands from now on. */
  report(id: string, state: BuildState): void {
    this.#states.set(id, state);
    for (const tell of this.#listeners) tell(id);
  }

  state(id: string): BuildState | undefined {
    return this.#states.get(id);
  }

  /** The builds that are remembered. */
  get ids(): readonly string[] {
    return [...this.#states.keys()];
  }

  async *log(id: string): AsyncIterable<LogLine> {
    yield { at: NOW, from: id, run: 0, text: "npm ci" };
  }

  async forget(id: string): Promise<void> {
    this.#states.delete(id);
  }

  watch(listener: (id: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
