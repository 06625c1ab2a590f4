import { isDeepStrictEqual } from "node:util";
import { brief } from "./error.ts";
import type { Draft, Resource } from "./meta.ts";
import { at, type Violation } from "./violation.ts";

type Strings = Readonly<Record<string, string>>;

/** What a ConfigMap or a Secret may hold in all, as in Kubernetes. */
const BYTES_MAX = 1024 * 1024;

const KEY = /^[-._a-zA-Z0-9]+$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

interface Entries {
  readonly data?: Strings | undefined;
  /** In base64. */
  readonly binaryData?: Strings | undefined;
}

/** Checks the keys and the size of `data` and its sister; never repeats a value. */
export function checkEntries({ data = {}, binaryData = {} }: Entries): readonly Violation[] {
  const bytes =
    Object.values(data).reduce((sum, text) => sum + Buffer.byteLength(text), 0) +
    Object.values(binaryData).reduce((sum, text) => sum + decodedLength(text), 0);
  const double = Object.keys(binaryData).filter((key) => Object.hasOwn(data, key));
  return [
    ...checkKeys("data", data),
    ...checkKeys("binaryData", binaryData),
    ...double.map((key) => bad(at("binaryData", key), `"${key}" is in data as well`)),
    ...checkBytes(bytes),
  ];
}

/** Checks that all values of a Secret together are not too long: what counts are the bytes. */
export function checkSecretEntries(data: Strings = {}): readonly Violation[] {
  const bytes = Object.values(data).reduce((sum, text) => sum + decodedLength(text), 0);
  return [...checkKeys("data", data), ...checkBytes(bytes)];
}

function checkBytes(bytes: number): readonly Violation[] {
  if (bytes <= BYTES_MAX) return [];
  const message = `Too long: may not be more than ${BYTES_MAX} bytes, has ${bytes}`;
  return [{ field: "data", message, reason: "FieldValueTooLong" }];
}

function checkKeys(field: string, entries: Strings): readonly Violation[] {
  return Object.keys(entries).flatMap((key) => {
    const why = whyBadEntryKey(key);
    return why === undefined ? [] : [bad(at(field, brief(key)), `"${brief(key)}": ${why}`)];
  });
}

/** Without the line breaks that are allowed in base64, and not sent back. */
export function withoutBreaks(entries: Strings | undefined): Strings | undefined {
  if (entries === undefined) return undefined;
  const plain = Object.entries(entries).map(([key, text]) => [key, text.replace(/[\r\n]+/g, "")]);
  return Object.fromEntries(plain);
}

/** Checks that each value is base64, as bytes travel in JSON. */
export function checkBase64(field: string, entries: Strings = {}): readonly Violation[] {
  const wrong = Object.entries(entries).filter(([, text]) => {
    return text.length % 4 !== 0 || !BASE64.test(text);
  });
  return wrong.map(([key]) => bad(at(field, key), "must be base64, with padding"));
}

function decodedLength(base64: string): number {
  return Buffer.byteLength(base64, "base64");
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
    (field) => !isDeepStrictEqual(after.get(field) ?? {}, before.get(field) ?? {}),
  );
  return changed.map((field) => {
    const message = "Forbidden: field is immutable when `immutable` is set";
    return { field, message, reason: "FieldValueForbidden" };
  });
}

/** Why `key` cannot be a key of a ConfigMap or a Secret, or nothing. */
export function whyBadEntryKey(key: string): string | undefined {
  if (key.length > 253) return `a key must be no more than 253 characters, has ${key.length}`;
  if (key === "." || key.startsWith("..")) return 'a key may not be "." or begin with ".."';
  return KEY.test(key) ? undefined : "a key is letters, digits, '-', '_' and '.'";
}

function bad(field: string, why: string): Violation {
  return { field, message: `Invalid value: ${why}`, reason: "FieldValueInvalid" };
}
