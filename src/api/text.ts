import type { Resource } from "./meta.ts";

/** Texts are kept up to so many characters, twice; what is asked for again stays longest. */
const CHARS_MAX = 8 * 1024 * 1024;

let recent = new WeakMap<Resource, string>();
let older = recent;
let chars = 0;

/**
 * A resource as JSON. Remembered for a while, for what was just stored is sent to many watchers;
 * not for ever, for that would hold every resource twice.
 */
export function textOf(resource: Resource): string {
  const known = recent.get(resource);
  if (known !== undefined) return known;
  const text = older.get(resource) ?? JSON.stringify(resource);
  if (chars > CHARS_MAX) {
    older = recent;
    recent = new WeakMap();
    chars = 0;
  }
  chars += text.length;
  recent.set(resource, text);
  return text;
}
