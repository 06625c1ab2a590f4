import { CONFIG_MAP, type ConfigMap } from "../../src/api/config_map.ts";
import type { Kind } from "../../src/api/kind.ts";
import { KINDS } from "../../src/api/kinds.ts";
import type { Draft, DraftMeta, ObjectKey, Resource } from "../../src/api/meta.ts";
import { NAMESPACE, type Namespace } from "../../src/api/namespace.ts";
import type { Chance } from "../../src/base/chance.ts";
import type { Client } from "../../src/client/client.ts";
import { LocalCache } from "../../src/platform/local_cache.ts";
import { localClient } from "../../src/platform/local_client.ts";
import type { ServerContext } from "../../src/server/context.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { WorldClock } from "./world_clock.ts";

/** A server with nobody at work: store, operations, a watched copy, and a clock of its own. */
export interface Desk {
  readonly context: ServerContext;
  readonly store: MemoryStore;
  readonly clock: WorldClock;
  readonly chance: Chance;
  /** As one of our controllers. */
  readonly client: Client;
  readonly cache: LocalCache;
  /** Makes a ConfigMap: the plainest resource there is. */
  add(metadata: DraftMeta): Promise<ConfigMap>;
  find<R extends Resource>(kind: Kind<R>, key: ObjectKey): R | undefined;
  /** The names of all of a kind. */
  names(kind: Kind): readonly string[];
}

/** A desk with the namespace "default" in it. */
export async function makeDesk(): Promise<Desk> {
  const store = new MemoryStore();
  const clock = new WorldClock();
  const chance = countingChance();
  const context = { kinds: KINDS, store, clock, chance };
  const client = localClient(context);
  const { apiVersion, kind } = NAMESPACE;
  await client.create<Namespace>({ apiVersion, kind, metadata: { name: "default" } });
  return {
    ...{ context, store, clock, chance, client },
    cache: new LocalCache(store),
    add: (metadata) => client.create<ConfigMap>(configMap({ namespace: "default", ...metadata })),
    find: (kind, key) => store.get(kind, key),
    names: (kind) => store.list(kind).map(({ metadata }) => metadata.name),
  };
}

export function configMap(metadata: DraftMeta): Draft<ConfigMap> {
  return { apiVersion: CONFIG_MAP.apiVersion, kind: CONFIG_MAP.kind, metadata };
}

/** Names that can be foretold: "uid-1", "x2". */
export function countingChance(): Chance {
  let count = 0;
  const next = (prefix: string) => {
    count += 1;
    return `${prefix}${count}`;
  };
  return {
    fraction: () => 0.5,
    uuid: () => next("uid-"),
    suffix: () => next("x"),
    token: () => next("token-"),
  };
}
