import { parseEnv } from "node:util";
import type { EnvVar } from "../../api/env.ts";
import { wrongUsage } from "../failure.ts";

/** One variable that shall be set, or taken away. */
export type EnvChange = EnvVar | { readonly name: string; readonly isGone: true };

const REFERENCE = /^(secret|configmap):([a-z0-9][a-z0-9.-]*)\/([\w.-]+)$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** Reads `NAME=value`, `NAME=secret:name/key`, `NAME=configmap:name/key` and `NAME-`. */
export function readEnvFlag(text: string): EnvChange {
  const at = text.indexOf("=");
  if (at < 0 && text.endsWith("-")) return { name: checked(text.slice(0, -1)), isGone: true };
  if (at < 0) {
    const how =
      "want NAME=value, NAME=secret:name/key, NAME=configmap:name/key, or NAME- to drop it";
    throw wrongUsage(`--env is "${text}": ${how}`);
  }
  const name = checked(text.slice(0, at));
  const value = text.slice(at + 1);
  const [, from, of = "", key = ""] = REFERENCE.exec(value) ?? [];
  if (from === undefined) return { name, value };
  const ref = { name: of, key };
  return { name, valueFrom: from === "secret" ? { secretKeyRef: ref } : { configMapKeyRef: ref } };
}

/** Reads a file of lines `NAME=value`; every value is taken as it is. */
export function readEnvFile(text: string): readonly EnvChange[] {
  return Object.entries(parseEnv(text)).map(([name, value = ""]) => ({ name, value }));
}

/** The variables after the changes: those that stay keep their places, new ones come last. */
export function changedEnv(
  before: readonly EnvVar[],
  changes: readonly EnvChange[],
): readonly EnvVar[] {
  const after = new Map<string, EnvVar>(before.map((it) => [it.name, it]));
  for (const change of changes) {
    if ("isGone" in change) after.delete(change.name);
    else after.set(change.name, change);
  }
  return [...after.values()];
}

function checked(name: string): string {
  if (NAME.test(name)) return name;
  throw wrongUsage(`"${name}" cannot be the name of a variable: want letters, digits and _`);
}
