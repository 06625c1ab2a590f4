import type { Kind } from "../api/kind.ts";
import type { WriteRequest } from "./admit.ts";
import type { Writer } from "./managed_fields.ts";

/** What our own controllers are called as owners of fields. */
const CONTROLLERS = "varve";

interface Writing extends WriteRequest {
  readonly kind: Kind;
}

/** Who is behind a write, as an owner of fields. */
export function writerOf(
  { kind, fieldManager = CONTROLLERS }: Writing,
  how: Omit<Writer, "kind" | "manager">,
): Writer {
  return { kind, manager: fieldManager, ...how };
}
