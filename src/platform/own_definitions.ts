import { isDeepStrictEqual } from "node:util";
import { CUSTOM_RESOURCE_DEFINITION, definitionOf, establishedStatus } from "../api/definition.ts";
import { isReason } from "../api/error.ts";
import { groupOf } from "../api/group.ts";
import type { Kind } from "../api/kind.ts";
import type { Resource } from "../api/meta.ts";
import type { Clock } from "../base/clock.ts";
import type { Client } from "../client/client.ts";
import type { Part } from "./start_all.ts";

export interface OwnDefinitionsDeps {
  readonly kinds: readonly Kind[];
  readonly client: Client;
  readonly clock: Clock;
}

/** Kubernetes' own groups, which no cluster defines by such objects. */
const BUILT_IN = /^$|\.k8s\.io$/;

/** Tells by CustomResourceDefinitions which kinds there are beside those of every cluster. */
export class OwnDefinitions implements Part {
  readonly #deps: OwnDefinitionsDeps;

  constructor(deps: OwnDefinitionsDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const own = this.#deps.kinds.filter(({ apiVersion }) => !BUILT_IN.test(groupOf(apiVersion)));
    await Promise.all(own.map((kind) => this.#tell(kind)));
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** What an older version of ours has told is put right. */
  async #tell(kind: Kind): Promise<void> {
    const { client, clock } = this.#deps;
    const draft = definitionOf(kind);
    const { name = "" } = draft.metadata;
    const found = await this.#find(name);
    // As JSON, for schemas hold more than that.
    const spec: unknown = JSON.parse(JSON.stringify(draft.spec));
    if (found !== undefined && isDeepStrictEqual(found.spec, spec)) return;
    const metadata = { ...found?.metadata, ...draft.metadata, name };
    const stored =
      found === undefined
        ? await client.create<Resource>(draft)
        : await client.put<Resource>({ ...draft, metadata } as Resource);
    const lastTransitionTime = clock.timestamp();
    const { conditions, ...said } = establishedStatus(kind);
    const since = conditions.map((condition) => ({ ...condition, lastTransitionTime }));
    await client.putStatus<Resource>({ ...stored, status: { ...said, conditions: since } });
  }

  async #find(name: string): Promise<Resource | undefined> {
    try {
      return await this.#deps.client.get<Resource>(CUSTOM_RESOURCE_DEFINITION, { name });
    } catch (thrown) {
      if (isReason(thrown, "NotFound")) return undefined;
      throw thrown;
    }
  }
}
