import type { Backend, Endpoint } from "./backend.ts";
import type { Rule } from "./table.ts";

/**
 * From one ticket to the next. It has no factor in common with 100, so any 100 requests in a row
 * draw each ticket from 0 to 99 once: a split is exact, whatever its shares. And it is near the
 * golden section of 100, so a share of neighbouring tickets is drawn at even distances, not in a
 * run: over any stretch of requests, no share is off by more than 2.4 requests.
 */
const STRIDE = 61;
const TICKETS = 100;

/**
 * Chooses the revision for one request to a host. How many instances it has plays no part.
 *
 * HOT: runs for every request. No allocation, no closure, no exception, no await. `table.ts` has
 * checked that the slices end at ticket 99, so nothing is checked here.
 */
export function pickBackend(rule: Rule): Backend {
  const { split, ticket } = rule;
  rule.ticket = (ticket + STRIDE) % TICKETS;
  let at = 0;
  let slice = split[0] as (typeof split)[number];
  while (ticket > slice.last) {
    at += 1;
    slice = split[at] as typeof slice;
  }
  return slice.backend;
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
