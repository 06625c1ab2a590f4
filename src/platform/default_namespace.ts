import { isReason } from "../api/error.ts";
import { NAMESPACE, type Namespace } from "../api/namespace.ts";
import type { Client } from "../client/client.ts";
import type { Part } from "./start_all.ts";

/** Namespaces that are always there: users' own to begin with, and ours. */
const NAMES: readonly string[] = ["default", "varve-system"];

/** Makes the namespaces that everybody counts on. */
export class DefaultNamespace implements Part {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async start(): Promise<void> {
    const { apiVersion, kind } = NAMESPACE;
    for (const name of NAMES) {
      try {
        await this.#client.get(NAMESPACE, { name });
      } catch (thrown) {
        if (!isReason(thrown, "NotFound")) throw thrown;
        await this.#client.create<Namespace>({ apiVersion, kind, metadata: { name } });
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
