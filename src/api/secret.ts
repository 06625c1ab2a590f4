import { t } from "../base/schema.ts";
import { AGE_COLUMN, NAME_COLUMN } from "./column.ts";
import { checkBase64, checkFrozen, checkSecretEntries, withoutBreaks } from "./entries.ts";
import { brief } from "./error.ts";
import { CORE } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { Resource } from "./meta.ts";
import { at, type Violation } from "./violation.ts";

type Strings = Readonly<Record<string, string>>;

/** What must not be shown, by key. */
export interface Secret extends Resource {
  /** In base64. */
  readonly data?: Strings;
  /** As it is; on its way in only, for the server turns it into `data`. */
  readonly stringData?: Strings;
  readonly type?: string;
  /** Once true, neither it nor the data change any more. */
  readonly immutable?: boolean;
}

/** Which keys a type asks for, as Kubernetes has them. */
const KEYS_OF: ReadonlyMap<string, readonly string[]> = new Map([
  ["kubernetes.io/tls", ["tls.crt", "tls.key"]],
  ["kubernetes.io/dockerconfigjson", [".dockerconfigjson"]],
  ["kubernetes.io/dockercfg", [".dockercfg"]],
  ["kubernetes.io/ssh-auth", ["ssh-privatekey"]],
]);

/** One of these is enough. */
const BASIC_AUTH = "kubernetes.io/basic-auth";
const BASIC_KEYS: readonly string[] = ["username", "password"];

/** What is under these keys must be JSON, where the type asks for them. */
const JSON_KEYS: ReadonlySet<string> = new Set([".dockerconfigjson", ".dockercfg"]);

export const SECRET: Kind<Secret> = {
  apiVersion: CORE,
  kind: "Secret",
  plural: "secrets",
  singular: "secret",
  isNamespaced: true,
  nameRule: "subdomain",
  schema: t.Object({
    data: t.Optional(t.MapOf(t.String())),
    stringData: t.Optional(t.MapOf(t.String())),
    type: t.Optional(t.String()),
    immutable: t.Optional(t.Boolean()),
  }),
  hasStatus: false,
  isSecret: true,
  columns: [
    NAME_COLUMN,
    { name: "Type", type: "string", description: "What kind of secret", jsonPath: ".type" },
    {
      name: "Data",
      type: "integer",
      description: "How many keys it has",
      jsonPath: ".data",
      value: ({ data = {} }: Secret) => Object.keys(data).length,
    },
    AGE_COLUMN,
  ],
  fields: ["type"],
  prepare({ stringData = {}, type = "", data, ...draft }, { stored }) {
    const texts = Object.entries(stringData);
    const encoded = texts.map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
    const all = { ...withoutBreaks(data), ...Object.fromEntries(encoded) };
    return {
      ...draft,
      type: type === "" ? (stored?.type ?? "Opaque") : type,
      ...((data !== undefined || texts.length > 0) && { data: all }),
    };
  },
  validate: (next, { stored }) => [
    ...checkSecretEntries(next.data),
    ...checkBase64("data", next.data),
    ...checkFrozen<Secret>(["data"], { next, stored }),
    ...checkType(next, stored),
  ],
};

function checkType(
  { type = "", data = {} }: Pick<Secret, "type" | "data">,
  stored: Secret | undefined,
): readonly Violation[] {
  if (stored !== undefined && stored.type !== type) {
    const message = `Invalid value: "${brief(type)}": field is immutable, it is "${stored.type}"`;
    return [{ field: "type", message, reason: "FieldValueInvalid" }];
  }
  const has = (key: string) => Object.hasOwn(data, key);
  if (type === BASIC_AUTH && !BASIC_KEYS.some(has)) {
    const message = `Required value: a Secret of type ${type} has username, password, or both`;
    return [{ field: "data", message, reason: "FieldValueRequired" }];
  }
  return (KEYS_OF.get(type) ?? []).flatMap((key) => {
    const field = at("data", key);
    const missing = `Required value: a Secret of type ${type} has this key`;
    if (!has(key)) return [{ field, message: missing, reason: "FieldValueRequired" }];
    if (!JSON_KEYS.has(key) || isJsonObject(data[key] ?? "")) return [];
    const message = `Invalid value: a Secret of type ${type} has a JSON object here`;
    return [{ field, message, reason: "FieldValueInvalid" }];
  });
}

function isJsonObject(base64: string): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(base64, "base64").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
