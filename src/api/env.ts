import { t, type Value } from "../base/schema.ts";

const text = t.Optional(t.String());
const isOptional = t.Optional(t.Boolean());

const keyRef = t.Object({ name: text, key: t.String(), optional: isOptional });
const ref = t.Object({ name: text, optional: isOptional });

/** One variable: its value as it is, or where to take it from. */
export const envVar = t.Object({
  name: t.String(),
  value: text,
  valueFrom: t.Optional(
    t.Object({ configMapKeyRef: t.Optional(keyRef), secretKeyRef: t.Optional(keyRef) }),
  ),
});

/** All keys of a ConfigMap or a Secret as variables. */
export const envFrom = t.Object({
  prefix: text,
  configMapRef: t.Optional(ref),
  secretRef: t.Optional(ref),
});

export type EnvVar = Value<typeof envVar>;
export type EnvFrom = Value<typeof envFrom>;
