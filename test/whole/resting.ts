import assert from "node:assert/strict";
import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { REVISION } from "../../src/api/revision.ts";
import type { Service } from "../../src/api/service.ts";
import { get } from "../support/steady_load.ts";
import { ready, serviceFrom, type VarveProcess } from "../support/varve_process.ts";

const RESTING = "resting";
const REST_WITHIN_MS = 60_000;

/** A service that nobody asks for but us, and that is at rest whenever we do. */
export class Resting {
  readonly failures: string[] = [];
  asked = 0;
  readonly #varve: VarveProcess;

  private constructor(varve: VarveProcess) {
    this.#varve = varve;
  }

  static async deploy(varve: VarveProcess, source: string): Promise<Resting> {
    const draft = serviceFrom(source, RESTING);
    const annotations = {
      ...{ "varve.dev/source": source, "varve.dev/frozen-for": "0s" },
      "autoscaling.knative.dev/window": "6s",
    };
    const template = { ...draft.spec.template, metadata: { annotations } };
    await varve.client.create<Service>({ ...draft, spec: { template } });
    await ready(varve.client, RESTING);
    return new Resting(varve);
  }

  /** Waits until it has no instance, and asks for it. */
  async wake(): Promise<void> {
    const lateMs = performance.now() + REST_WITHIN_MS;
    const key = { namespace: "default", name: `${RESTING}-00001` };
    for (;;) {
      const { status } = await this.#varve.client.get(REVISION, key);
      if (status?.actualReplicas === 0 && status.desiredReplicas === 0) break;
      assert(performance.now() < lateMs, `it never rests: ${JSON.stringify(status)}`);
      await sleep(200);
    }
    this.asked += 1;
    const { hostname, port } = new URL(this.#varve.endpoints.gateway);
    const agent = new Agent();
    const host = `${RESTING}.default.localhost`;
    const target = { hostname, port, host, agent, onSocket: () => {} };
    await get(target).catch((thrown) => this.failures.push(String(thrown)));
    agent.destroy();
  }
}
