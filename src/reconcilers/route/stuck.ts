import { type Condition, conditionOf, failed, pending } from "../../api/condition.ts";
import type { Route } from "../../api/route.ts";

/** How long a gateway may take to follow before its Route is called failed. */
const PATIENCE_MS = 120_000;
const INGRESS = "IngressReady";
const WAITING = "Uninitialized";
const NEVER_SERVED = "NoIngress";
const NOT_MOVED = "ProgressDeadlineExceeded";

/**
 * IngressReady of a Route that the gateway does not follow: Unknown at first, and False when that
 * has lasted (spec/elafros §8 ERR-9, ERR-15). It is tried again all the same, and heals.
 */
export function notFollowed(route: Route, why: string, nowMs: number): Condition {
  const last = conditionOf(route.status, INGRESS);
  const sinceMs = Date.parse(last?.lastTransitionTime ?? "");
  const isLate = last?.reason === WAITING && nowMs - sinceMs >= PATIENCE_MS;
  const wasLate = last?.reason === NEVER_SERVED || last?.reason === NOT_MOVED;
  if (!isLate && !wasLate) return pending(WAITING, why, INGRESS);
  if (route.status?.traffic === undefined) {
    return failed(NEVER_SERVED, `Unable to serve "${route.metadata.name}": ${why}`, INGRESS);
  }
  const seconds = PATIENCE_MS / 1000;
  const message = `Unable to update traffic split for more than ${seconds} seconds: ${why}`;
  return failed(NOT_MOVED, message, INGRESS);
}
