import type { Backend } from "./backend.ts";

/** Shares that take turns, in an order that `order.ts` has made. */
export interface Draw {
  /** Replaced as a whole, never changed in place; and so is the order. */
  backends: readonly Backend[];
  /** Of each request in turn, the index of its backend; then it begins again. */
  order: Uint16Array;
  /** The turn of the next request: below the length of `order`. */
  turn: number;
}

/** Where the turn is after a change of the order: as far along as it was. */
export function turnIn(order: Uint16Array, { order: before, turn }: Draw): number {
  if (before === order) return turn;
  return Math.floor((turn / before.length) * order.length);
}
