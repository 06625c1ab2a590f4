import { isDeepStrictEqual } from "node:util";
import type { Violation } from "./kind.ts";
import type { Draft, Resource } from "./meta.ts";

type Strings = Readonly<Record<string, string>>;

/** What a ConfigMap or a Secret may hold in all, as in Kubernetes. */
const BYTES_MAX = 1024 * 1024;

const KEY = /^[-._a-zA-Z0-9]+$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Checks the keys and the size of `data` or one of its sisters; never repeats a value. */
export function checkEntries(field: string, entries: Strings = {}): readonly Violation[] {
  const keys = Object.keys(entries);
  const bytes = keys.reduce((sum, key) => sum + key.length + (entries[key]?.length ?? 0), 0);
  const bad: Violation[] = keys.flatMap((key) => {
    const why = whyBadEntryKey(key);
    if (why === undefined) return [];
    return [
      { field: `${field}[${key}]`, message: `Invalid value: ${why}`, reason: "FieldValueInvalid" },
    ];
  });
  if (bytes <= BYTES_MAX) return bad;
  const message = `Too long: may not be more than ${BYTES_MAX} bytes, has ${bytes}`;
  return [...bad, { field, message, reason: "FieldValueTooLong" }];
}

/** Checks that each value is base64, as bytes travel in JSON. */
export function checkBase64(field: string, entries: Strings = {}): readonly Violation[] {
  const bad = Object.keys(entries).filter((key) => !BASE64.test(entries[key] ?? ""));
  return bad.map((key) => {
    const message = "Invalid value: must be base64, with padding and without line breaks";
    return { field: `${field}[${key}]`, message, reason: "FieldValueInvalid" };
  });
}

interface Freezable extends Resource {
  readonly immutable?: boolean;
}

interface Freezing<R extends Freezable> {
  readonly next: Draft<R>;
  readonly stored: R | undefined;
}

/** Checks that what was declared immutable, and that it is, did not change. */
export function checkFrozen<R extends Freezable>(
  fields: readonly (keyof R & string)[],
  { next, stored }: Freezing<R>,
): readonly Violation[] {
  if (stored?.immutable !== true) return [];
  const after = new Map<string, unknown>(Object.entries(next));
  const before = new Map<string, unknown>(Object.entries(stored));
  const changed = ["immutable", ...fields].filter(
    (field) => !isDeepStrictEqual(after.get(field), before.get(field)),
  );
  return changed.map((field) => {
    const message = "Forbidden: field is immutable when `immutable` is set";
    return { field, message, reason: "FieldValueForbidden" };
  });
}

function whyBadEntryKey(key: string): string | undefined {
  if (key.length > 253) return `a key must be no more than 253 characters, has ${key.length}`;
  if (key === "." || key.startsWith("..")) return 'a key may not be "." or begin with ".."';
  return KEY.test(key) ? undefined : "a key is letters, digits, '-', '_' and '.'";
}
