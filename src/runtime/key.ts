import { createHash } from "node:crypto";

const CHARS_MAX = 120;

/** A name as one step of a path: legible, the same for the same name, and not too long. */
export function keyOf(name: string): string {
  const plain = encodeURIComponent(name).replace(/^\./, "%2E");
  if (plain.length <= CHARS_MAX) return plain;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 32);
  return `${plain.slice(0, CHARS_MAX - 33)}-${digest}`;
}
