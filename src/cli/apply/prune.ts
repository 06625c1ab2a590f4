import { CONFIG_MAP } from "../../api/config_map.ts";
import { CONFIGURATION } from "../../api/configuration.ts";
import type { Kind } from "../../api/kind.ts";
import { controllerOf, pathOf, type Resource } from "../../api/meta.ts";
import { ROUTE } from "../../api/route.ts";
import { SECRET } from "../../api/secret.ts";
import { SERVICE } from "../../api/service.ts";
import type { Applying } from "./apply_one.ts";
import { LAST_APPLIED } from "./three_way.ts";

/** Kinds that people write down, and that nothing else makes for them. */
const PRUNED = [SERVICE, CONFIGURATION, ROUTE, CONFIG_MAP, SECRET] as readonly Kind[];

export interface PruneOptions {
  /** Which objects the manifests speak for. */
  readonly labelSelector: string;
  readonly namespaces: ReadonlySet<string>;
  /** What the manifests have. */
  readonly kept: readonly Resource[];
}

/** Deletes what was applied before, is selected, and is in no manifest any more. */
export async function prune(
  { labelSelector, namespaces, kept }: PruneOptions,
  { context, server, isDryRun }: Applying,
): Promise<readonly Resource[]> {
  const { client } = server;
  const { signal } = context;
  const uids = new Set(kept.map(({ metadata }) => metadata.uid));
  const gone: Resource[] = [];
  for (const namespace of namespaces) {
    for (const kind of PRUNED) {
      const { items } = await client.list(kind, { namespace, labelSelector, signal });
      gone.push(...items.filter((it) => wasApplied(it) && !uids.has(it.metadata.uid)));
    }
  }
  for (const resource of gone) await client.delete(resource, { isDryRun, signal });
  return gone.toSorted((one, other) => pathOf(one.metadata).localeCompare(pathOf(other.metadata)));
}

/** By whoever applies manifests, and not made by a controller. */
function wasApplied(resource: Resource): boolean {
  const { annotations = {} } = resource.metadata;
  return annotations[LAST_APPLIED] !== undefined && controllerOf(resource) === undefined;
}
