import { isDeepStrictEqual } from "node:util";

/** Where one keeps what was applied last, to know later what was taken out since. */
export const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * The JSON merge patch that makes of what is there what is wanted: what was wanted before and is
 * not any more goes; what others have set stays. Lists are one value.
 */
export function mergePatch(last: unknown, wanted: unknown, there: unknown): unknown {
  if (!isObject(wanted)) return wanted;
  const before = isObject(last) ? last : {};
  const present = isObject(there) ? there : {};
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(before)) {
    if (!(key in wanted) && key in present) patch[key] = null;
  }
  for (const [key, value] of Object.entries(wanted)) {
    if (isDeepStrictEqual(value, present[key])) continue;
    const part = mergePatch(before[key], value, present[key]);
    const isNothing = isObject(part) && isObject(present[key]) && Object.keys(part).length === 0;
    if (!isNothing) patch[key] = part;
  }
  return patch;
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
