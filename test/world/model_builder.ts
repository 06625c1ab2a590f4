import type { LogLine } from "../../src/base/log_line.ts";
import type {
  Builder,
  BuildRequest,
  BuildState,
  StepsPlan,
  StepsRequest,
} from "../../src/build/build.ts";
import { NOW } from "./world_clock.ts";

/** The simplest builder: a build is what a test says it is. */
export class ModelBuilder implements Builder {
  readonly #states = new Map<string, BuildState>();
  readonly #listeners = new Set<(id: string) => void>();

  async start(): Promise<void> {}

  /** Why there are no steps; a test may say why. */
  why: string | undefined;
  readonly #plans = new Map<string, StepsPlan>();

  build(request: BuildRequest | StepsRequest): BuildState {
    const { id } = request;
    const state = this.#states.get(id) ?? { phase: "Pending" };
    this.#states.set(id, state);
    if ("plan" in request && !this.#plans.has(id)) this.#plans.set(id, request.plan);
    return state;
  }

  /** What was asked for. */
  planOf(id: string): StepsPlan | undefined {
    return this.#plans.get(id);
  }

  async whyNoSteps(): Promise<string | undefined> {
    return this.why;
  }

  cancel(id: string): void {
    const { phase = "Failed" } = this.#states.get(id) ?? {};
    if (phase === "Succeeded" || phase === "Failed") return;
    const completedAt = NOW;
    this.report(id, { phase: "Failed", reason: "BuildCancelled", completedAt });
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
