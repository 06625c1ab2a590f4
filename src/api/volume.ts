import { t, type Value } from "../base/schema.ts";

const text = t.Optional(t.String());
const mode = t.Optional(t.Integer());
const isOptional = t.Optional(t.Boolean());

const item = t.Object({ key: t.String(), path: t.String(), mode });
const items = t.Optional(t.Array(item));
const configMap = t.Object({ name: text, items, optional: isOptional });
const secret = t.Object({ name: text, items, optional: isOptional });
const token = t.Object({
  audience: text,
  expirationSeconds: t.Optional(t.Integer()),
  path: t.String(),
});

const source = t.Object({
  configMap: t.Optional(configMap),
  secret: t.Optional(secret),
  serviceAccountToken: t.Optional(token),
});

/** Files for containers. Exactly one of the four ways is given. */
export const volume = t.Object({
  name: t.String(),
  configMap: t.Optional(t.Object({ name: text, items, defaultMode: mode, optional: isOptional })),
  secret: t.Optional(
    t.Object({ secretName: text, items, defaultMode: mode, optional: isOptional }),
  ),
  projected: t.Optional(t.Object({ sources: t.Optional(t.Array(source)), defaultMode: mode })),
  emptyDir: t.Optional(t.Object({ medium: text, sizeLimit: t.Optional(t.IntOrString()) })),
});

export type Volume = Value<typeof volume>;
export type VolumeItem = Value<typeof item>;
export type VolumeSource = Value<typeof source>;
