import { totalmem } from "node:os";

/** What share of the memory that this server may use is left, where that is known. */
export function freeMemory(): number {
  const limit = process.constrainedMemory();
  const total = limit > 0 && limit < totalmem() ? limit : totalmem();
  return process.availableMemory() / total;
}
