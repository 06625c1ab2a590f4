import { ApiError, notFound } from "../api/error.ts";
import { type Kind, keyIn, parse, schemaOf } from "../api/kind.ts";
import type { ObjectKey, Resource } from "../api/meta.ts";
import { applyJsonPatch } from "../base/json_patch.ts";
import type { ObjectSchema } from "../base/schema.ts";
import { checkMay, type WriteRequest } from "./admit.ts";
import type { ServerContext } from "./context.ts";
import { inTurn } from "./in_turn.ts";
import { mergePatch } from "./merge_patch.ts";
import { checkPlace, checkVersion, replace } from "./put_resource.ts";
import { storeStatus } from "./put_status.ts";
import { strategicMerge } from "./strategic_merge.ts";

export type PatchType = "merge" | "json" | "strategic";

export interface PatchOptions<R extends Resource> extends WriteRequest {
  readonly kind: Kind<R>;
  readonly key: ObjectKey;
  readonly type: PatchType;
  /** Parsed JSON, from anyone: trust nothing about it. */
  readonly patch: unknown;
  /** Of the status, and nothing else. */
  readonly isOfStatus?: boolean;
}

/** `PATCH …/{plural}/{name}`: changes parts of a resource, whatever its version is by now. */
export async function patchResource<R extends Resource>(
  context: ServerContext,
  options: PatchOptions<R>,
): Promise<R> {
  const { kind, key, caller, isOfStatus = false } = options;
  const { store } = context;
  if (!isOfStatus) checkMay("update", { kind, name: key.name, caller });
  return await inTurn({ store, kind, key }, async () => {
    const stored = store.get(kind, key);
    if (stored === undefined) throw notFound(kind, key.name);
    const { draft, unknown, managedFields } = parse(kind, patched(stored, schemaOf(kind), options));
    checkPlace(draft.metadata, keyIn(kind, key));
    checkVersion({ kind, stored, sent: draft.metadata });
    const known = { ...options, stored, managedFields };
    if (!isOfStatus) return await replace(context, { ...known, draft, unknown });
    return await storeStatus(context, { ...known, status: draft.status });
  });
}

interface Patch {
  readonly type: PatchType;
  readonly patch: unknown;
}

/** What is stored with a patch applied to a copy. Throws when the patch does not fit. */
export function patched(stored: object, shape: ObjectSchema, { type, patch }: Patch): unknown {
  if (type === "strategic") return strategicMerge(shape, stored, object(patch));
  if (type === "merge") return mergePatch(stored, object(patch));
  if (!Array.isArray(patch)) {
    throw new ApiError("BadRequest", "a JSON Patch is a list of operations (RFC 6902)");
  }
  try {
    return applyJsonPatch(stored, patch);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const message = `the server rejected our request due to an error in our request: ${why}`;
    throw new ApiError("Invalid", message, { cause: thrown });
  }
}

function object(patch: unknown): object {
  if (typeof patch === "object" && patch !== null && !Array.isArray(patch)) return patch;
  throw new ApiError("BadRequest", "a merge patch is an object: the parts that shall change");
}
