import { isReason } from "../../api/error.ts";

/** Whether a log could not be read because there is none: its Pod has gone, or is yet to begin. */
export function hasNoLog(thrown: unknown): boolean {
  if (isReason(thrown, "NotFound")) return true;
  return isReason(thrown, "BadRequest") && thrown.message.includes("is waiting to start");
}
