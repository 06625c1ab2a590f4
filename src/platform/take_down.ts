import type { Fleet } from "../gateway/fleet.ts";
import type { OwnRuntime } from "../runtime/runtimes.ts";
import type { Part } from "./start_all.ts";

export interface TakeDownDeps {
  readonly runtime: OwnRuntime;
  readonly gateway: Fleet;
  /** Instances and gateway outlive us, for the next start to take over. */
  readonly leavesRunning: boolean;
}

/** On the way out, ends what would outlive us: first what takes requests, then what serves them. */
export class TakeDown implements Part {
  readonly #deps: TakeDownDeps;

  constructor(deps: TakeDownDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    const { runtime, gateway, leavesRunning } = this.#deps;
    if (leavesRunning) return;
    await gateway.stopWorkers();
    await runtime.stopAll();
  }
}
