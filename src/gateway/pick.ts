import type { Backend, Endpoint } from "./backend.ts";
import type { Draw } from "./draw.ts";

/**
 * Chooses the revision for one request. How many instances it has plays no part.
 *
 * HOT: runs for every request. No allocation, no closure, no exception, no await. `table.ts` has
 * checked that the order is not empty and names only backends that are there.
 */
export function pickBackend(draw: Draw): Backend {
  const { order, turn } = draw;
  draw.turn = turn + 1 < order.length ? turn + 1 : 0;
  return draw.backends[order[turn] as number] as Backend;
}

/**
 * Chooses the instance with the fewest open requests; among equals they take turns. None is chosen
 * beyond what it may serve at once.
 *
 * HOT: as above.
 */
export function pickEndpoint(backend: Backend): Endpoint | undefined {
  const { endpoints, next } = backend;
  const { length } = endpoints;
  let best: Endpoint | undefined;
  let bestAt = 0;
  for (let step = 0; step < length; step += 1) {
    const at = next + step < length ? next + step : next + step - length;
    const endpoint = endpoints[at] as Endpoint;
    if (endpoint.open >= endpoint.openMax) continue;
    if (best !== undefined && endpoint.open >= best.open) continue;
    best = endpoint;
    bestAt = at;
    if (endpoint.open === 0) break;
  }
  if (best !== undefined) backend.next = bestAt + 1 < length ? bestAt + 1 : 0;
  return best;
}
