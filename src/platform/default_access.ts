import { isDeepStrictEqual } from "node:util";
import { AUTOUPDATE, defaultBindings, defaultRoles } from "../api/default_roles.ts";
import { isReason } from "../api/error.ts";
import type { Kind } from "../api/kind.ts";
import type { Draft, Resource } from "../api/meta.ts";
import { CLUSTER_ROLE, type ClusterRole } from "../api/role.ts";
import { CLUSTER_ROLE_BINDING, type RoleBinding } from "../api/role_binding.ts";
import type { Client } from "../client/client.ts";
import { missingFrom } from "../server/access/rules.ts";
import type { Part } from "./start_all.ts";

/** Makes the roles that everybody counts on, and adds to them what a newer version brings. */
export class DefaultAccess implements Part {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async start(): Promise<void> {
    // All at once: they share a commit, which is most of what one costs.
    await Promise.all([
      ...defaultRoles().map((it) =>
        this.#keep<ClusterRole>(CLUSTER_ROLE, it, (stored) => withRules(stored, it)),
      ),
      ...defaultBindings().map((it) =>
        this.#keep<RoleBinding>(CLUSTER_ROLE_BINDING, it, (stored) => withSubjects(stored, it)),
      ),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #keep<R extends Resource>(
    kind: Kind<R>,
    wanted: Draft<R>,
    completed: (stored: R) => R,
  ): Promise<void> {
    const { name = "" } = wanted.metadata;
    try {
      const stored = await this.#client.get(kind, { name });
      if (stored.metadata.annotations?.[AUTOUPDATE] === "false") return;
      const next = completed(stored);
      if (!isDeepStrictEqual(next, stored)) await this.#client.put(next);
    } catch (thrown) {
      if (!isReason(thrown, "NotFound")) throw thrown;
      await this.#client.create<R>(wanted);
    }
  }
}

/** What an owner has added stays. What is put together of others is not ours to write here. */
function withRules(stored: ClusterRole, { rules = [], aggregationRule }: ClusterRole): ClusterRole {
  if (aggregationRule !== undefined) return { ...stored, aggregationRule };
  const held = stored.rules ?? [];
  const added = rules.filter((rule) => missingFrom(held, [rule]).length > 0);
  return added.length === 0 ? stored : { ...stored, rules: [...held, ...added] };
}

function withSubjects(stored: RoleBinding, { subjects = [] }: Draft<RoleBinding>): RoleBinding {
  const held = stored.subjects ?? [];
  const added = subjects.filter((it) => !held.some((other) => isDeepStrictEqual(it, other)));
  return added.length === 0 ? stored : { ...stored, subjects: [...held, ...added] };
}
