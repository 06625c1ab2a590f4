import type { Backend } from "./backend.ts";
import type { Load } from "./route_table.ts";
import { CELL, type Tally } from "./tally.ts";

/**
 * HOT: a request has come, and waits or is served from now on. A backend puts itself among those
 * to be told of, for of very many few are asked.
 */
export function enter(backend: Backend, nowMs: number): void {
  const { tally } = backend;
  passTime(tally, nowMs);
  tally[CELL.inside] = (tally[CELL.inside] as number) + 1;
  tally[CELL.came] = (tally[CELL.came] as number) + 1;
  if (backend.isTold) return;
  backend.isTold = true;
  backend.told.push(backend);
}

/** HOT: it is over, in whichever way. */
export function leave({ tally }: Backend, nowMs: number): void {
  passTime(tally, nowMs);
  tally[CELL.inside] = (tally[CELL.inside] as number) - 1;
}

/** Requests that wait or are served now. */
export function insideOf({ tally }: Backend): number {
  return tally[CELL.inside] as number;
}

/** What there was to do since the last time of asking; nothing when there was nothing. */
export function takeLoad({ id, tally }: Backend, nowMs: number): Load | undefined {
  passTime(tally, nowMs);
  // Microseconds will do, and are shorter to tell.
  const busyMs = Math.round((tally[CELL.busyMs] as number) * 1000) / 1000;
  const requests = tally[CELL.came] as number;
  tally[CELL.busyMs] = 0;
  tally[CELL.came] = 0;
  return busyMs === 0 && requests === 0 ? undefined : { backend: id, busyMs, requests };
}

/** Whether it is to be told of again: until nothing is inside, and all of it was. */
export function staysTold(backend: Backend): boolean {
  backend.isTold = insideOf(backend) > 0;
  return backend.isTold;
}

function passTime(tally: Tally, nowMs: number): void {
  const passedMs = nowMs - (tally[CELL.sinceMs] as number);
  tally[CELL.busyMs] = (tally[CELL.busyMs] as number) + (tally[CELL.inside] as number) * passedMs;
  tally[CELL.sinceMs] = nowMs;
}
