import { t, type Value } from "../base/schema.ts";
import { AGE_COLUMN, NAME_COLUMN } from "./column.ts";
import { CORE } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { ObjectKey, Resource } from "./meta.ts";

const text = t.Optional(t.String());

const objectReference = t.Object({
  ...{ kind: text, namespace: text, name: text, uid: text },
  ...{ apiVersion: text, resourceVersion: text, fieldPath: text },
});

const schema = t.Object({
  secrets: t.Optional(t.MapList(objectReference, "name")),
  imagePullSecrets: t.Optional(t.MapList(t.Object({ name: text }), "name")),
  automountServiceAccountToken: t.Optional(t.Boolean()),
});

/** Somebody who is a program: it gets tokens, and roles are bound to it. */
export interface ServiceAccount extends Resource, Value<typeof schema> {}

/** Every namespace has one of this name. */
export const DEFAULT_ACCOUNT = "default";

export const SERVICE_ACCOUNT: Kind<ServiceAccount> = {
  apiVersion: CORE,
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  singular: "serviceaccount",
  shortNames: ["sa"],
  isNamespaced: true,
  nameRule: "subdomain",
  schema,
  hasStatus: false,
  columns: [
    NAME_COLUMN,
    {
      name: "Secrets",
      type: "integer",
      description: "How many Secrets it names",
      jsonPath: ".secrets",
      value: ({ secrets = [] }: ServiceAccount) => secrets.length,
    },
    AGE_COLUMN,
  ],
};

const PREFIX = "system:serviceaccount:";

/** As whom it acts: "system:serviceaccount:NAMESPACE:NAME". */
export function userOfAccount({ namespace = "", name }: ObjectKey): string {
  return `${PREFIX}${namespace}:${name}`;
}

/** Which one a user is, or nothing for users who are none. */
export function accountOfUser(user: string): ObjectKey | undefined {
  if (!user.startsWith(PREFIX)) return undefined;
  const [namespace = "", name = "", ...rest] = user.slice(PREFIX.length).split(":");
  return namespace === "" || name === "" || rest.length > 0 ? undefined : { namespace, name };
}

/** The groups that each one of a namespace is in. */
export function groupsOfAccount(namespace: string): readonly string[] {
  return ["system:serviceaccounts", `system:serviceaccounts:${namespace}`];
}
