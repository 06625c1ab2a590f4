import { t } from "../base/schema.ts";
import { AUTOSCALER_CONFIG, readAutoscalerConfig } from "./autoscaler_config.ts";
import { AGE_COLUMN, NAME_COLUMN } from "./column.ts";
import { checkBase64, checkEntries, checkFrozen, withoutBreaks } from "./entries.ts";
import { CORE } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { Draft, Resource } from "./meta.ts";
import { GC_CONFIG, readGcSettings } from "./revision_gc.ts";
import { DEFAULTS_CONFIG, readRevisionLimits } from "./revision_limits.ts";
import { SettingsError } from "./settings.ts";
import { type Violation, wrong } from "./violation.ts";

type Strings = Readonly<Record<string, string>>;

/** Configuration by key, for environments of instances. */
export interface ConfigMap extends Resource {
  readonly data?: Strings;
  /** In base64. */
  readonly binaryData?: Strings;
  /** Once true, neither it nor the data change any more. */
  readonly immutable?: boolean;
}

export const CONFIG_MAP: Kind<ConfigMap> = {
  apiVersion: CORE,
  kind: "ConfigMap",
  plural: "configmaps",
  singular: "configmap",
  shortNames: ["cm"],
  isNamespaced: true,
  nameRule: "subdomain",
  schema: t.Object({
    data: t.Optional(t.MapOf(t.String())),
    binaryData: t.Optional(t.MapOf(t.String())),
    immutable: t.Optional(t.Boolean()),
  }),
  hasStatus: false,
  columns: [
    NAME_COLUMN,
    {
      name: "Data",
      type: "integer",
      description: "How many keys it has",
      jsonPath: ".data",
      value: ({ data = {}, binaryData = {} }: ConfigMap) =>
        Object.keys(data).length + Object.keys(binaryData).length,
    },
    AGE_COLUMN,
  ],
  prepare({ binaryData, ...draft }) {
    const plain = withoutBreaks(binaryData);
    return { ...draft, ...(plain !== undefined && { binaryData: plain }) };
  },
  validate: (next, { stored }) => [
    ...checkEntries(next),
    ...checkOwnSettings(next),
    ...checkBase64("binaryData", next.binaryData),
    ...checkFrozen<ConfigMap>(["data", "binaryData"], { next, stored }),
  ],
};

/** Those that the server itself goes by. */
const OWN = [
  [AUTOSCALER_CONFIG, readAutoscalerConfig],
  [GC_CONFIG, readGcSettings],
  [DEFAULTS_CONFIG, readRevisionLimits],
] as const;

/** They must be readable; then nobody has to guess what the server does. */
function checkOwnSettings({ metadata, data }: Draft<ConfigMap>): readonly Violation[] {
  const own = OWN.find(([{ namespace, name }]) => {
    return metadata.namespace === namespace && metadata.name === name;
  });
  try {
    own?.[1](data);
    return [];
  } catch (thrown) {
    if (thrown instanceof SettingsError) return [wrong("data", thrown.message)];
    throw thrown;
  }
}
