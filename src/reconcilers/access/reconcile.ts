import { isDeepStrictEqual } from "node:util";
import { aggregatedRules, CLUSTER_ROLE, type ClusterRole } from "../../api/role.ts";
import type { Client, Lister } from "../../client/client.ts";
import type { Controller } from "../../control/controller.ts";

export interface ClusterRoleDeps {
  readonly client: Client;
  readonly clusterRoles: Lister<ClusterRole>;
}

/** Keeps the rules of ClusterRoles that are put together of others. */
export function clusterRoleController({
  client,
  clusterRoles,
}: ClusterRoleDeps): Controller<ClusterRole> {
  return {
    kind: CLUSTER_ROLE,
    owns: [],
    watches: [{ kind: CLUSTER_ROLE, wakes: composed }],
    isQuiet: true,
    async reconcile(role) {
      if (role.aggregationRule === undefined) return { status: {} };
      const rules = aggregatedRules(role, clusterRoles.list());
      if (isDeepStrictEqual(rules, role.rules ?? [])) return { status: {} };
      return { status: {}, written: await client.put<ClusterRole>({ ...role, rules }) };
    },
  };

  /** Any may be selected by them, or have been. */
  function composed() {
    const all = clusterRoles.list().filter(({ aggregationRule }) => aggregationRule !== undefined);
    return all.map(({ metadata: { name } }) => ({ name }));
  }
}
