import type { Flag } from "./command.ts";
import type { Flags } from "./flags.ts";

/** Flags of commands that list things. */
export const EVERYWHERE: Flag = {
  name: "all-namespaces",
  short: "A",
  meaning: "look in all namespaces",
};

/** Where to look: one namespace, or nothing for all of them. */
export function scopeOf(flags: Flags, namespace: string): string | undefined {
  return flags.has("all-namespaces") ? undefined : namespace;
}

/** In words: "in the namespace default", or "in any namespace". */
export function scopeInWords(scope: string | undefined): string {
  return scope === undefined ? "in any namespace" : `in the namespace "${scope}"`;
}
