import { notFound } from "../api/error.ts";
import { keyIn, parse } from "../api/kind.ts";
import type { Resource } from "../api/meta.ts";
import type { ServerContext } from "./context.ts";
import { checkPlace, checkVersion, type PutOptions } from "./put_resource.ts";
import { withStatus } from "./replaced.ts";

/** `PUT …/{plural}/{name}/status`: replaces the status and nothing else. */
export async function putStatus<R extends Resource>(
  { store }: ServerContext,
  { kind, key, body, isDryRun = false }: PutOptions<R>,
): Promise<R> {
  const { draft } = parse(kind, body);
  checkPlace(draft.metadata, keyIn(kind, key));
  const stored = store.get(kind, key);
  if (stored === undefined) throw notFound(kind, key.name);
  checkVersion({ kind, stored, sent: draft.metadata });
  const next = withStatus(stored, draft.status);
  if (next === stored || isDryRun) return next;
  return await store.put(next, { expected: stored.metadata.resourceVersion });
}
