import { t } from "../base/schema.ts";
import { AGE_COLUMN, NAME_COLUMN } from "./column.ts";
import { checkBase64, checkEntries, checkFrozen } from "./entries.ts";
import { CORE } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { Resource } from "./meta.ts";

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
const KEYS_OF: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
};

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
  prepare({ stringData, ...draft }) {
    const { type = "Opaque", data } = draft;
    if (stringData === undefined) return { ...draft, type };
    const entries = Object.entries(stringData);
    const encoded = entries.map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
    return { ...draft, type, data: { ...data, ...Object.fromEntries(encoded) } };
  },
  validate: (next, { stored }) => [
    ...checkEntries("data", next.data),
    ...checkBase64("data", next.data),
    ...checkFrozen<Secret>(["data"], { next, stored }),
    ...checkType(next, stored),
  ],
};

function checkType({ type = "", data = {} }: Pick<Secret, "type" | "data">, stored?: Secret) {
  if (stored !== undefined && stored.type !== type) {
    return [{ field: "type", message: "field is immutable", reason: "FieldValueInvalid" }];
  }
  const missing = (KEYS_OF[type] ?? []).filter((key) => data[key] === undefined);
  return missing.map((key) => {
    const message = `Required value: a Secret of type ${type} has this key`;
    return { field: `data[${key}]`, message, reason: "FieldValueRequired" };
  });
}
