import { LIMITS } from "./limits.ts";
import type { Change } from "./protocol.ts";

/** Cuts many changes into pieces that a reader can take between two requests. */
export function* batchesOf(changes: Iterable<Change>): Iterable<readonly Change[]> {
  let batch: Change[] = [];
  let bytes = 0;
  for (const change of changes) {
    batch.push(change);
    bytes += sizeOf(change);
    if (bytes < LIMITS.batchBytes) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** About as long as its JSON, without making that. */
function sizeOf(change: Change): number {
  if ("putRoute" in change) {
    const { hosts, steering, guards } = change.putRoute;
    const isPlain = steering === undefined && guards === undefined;
    const special = isPlain ? 0 : JSON.stringify([steering, guards]).length;
    return hosts.reduce((sum, { split }) => sum + 80 + split.length * 70, 80 + special);
  }
  if ("putBackend" in change) {
    const { endpoints, frozen = [], why = "" } = change.putBackend;
    return 200 + why.length + endpoints.length * 100 + frozen.length * 200;
  }
  if ("putTls" in change && "cert" in change.putTls) {
    return 200 + change.putTls.cert.length + change.putTls.key.length;
  }
  return 80;
}
