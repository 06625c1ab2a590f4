import { t, type Value } from "../base/schema.ts";
import { resources, securityContext, volumeMount } from "./container.ts";
import { envFrom, envVar } from "./env.ts";
import { volume } from "./volume.ts";

const text = t.Optional(t.String());
const texts = t.Optional(t.Array(t.String()));

/** One container of a build: it runs to its end, and then comes the next. */
export const step = t.Object({
  name: text,
  image: text,
  imagePullPolicy: text,
  command: texts,
  args: texts,
  workingDir: text,
  env: t.Optional(t.MapList(envVar, "name")),
  envFrom: t.Optional(t.Array(envFrom)),
  resources: t.Optional(resources),
  securityContext: t.Optional(securityContext),
  volumeMounts: t.Optional(t.MapList(volumeMount, "mountPath")),
  terminationMessagePath: text,
});

/** Where the files of a build come from: one of git, gcs, custom and upload. */
const buildSource = t.Object({
  name: text,
  git: t.Optional(t.Object({ url: text, revision: text })),
  gcs: t.Optional(t.Object({ location: text, type: text })),
  custom: t.Optional(step),
  /** Of Varve: a tar or tar.gz that was uploaded before, as `varve deploy` does. */
  upload: t.Optional(t.Object({ digest: text })),
  targetPath: text,
  subPath: text,
});

const argument = t.Object({ name: t.String(), value: t.Optional(t.String()) });

const template = t.Object({
  name: text,
  kind: text,
  arguments: t.Optional(t.Array(argument)),
  env: t.Optional(t.MapList(envVar, "name")),
});

export const buildSpec = t.Object({
  source: t.Optional(buildSource),
  sources: t.Optional(t.Array(buildSource)),
  steps: t.Optional(t.Array(step)),
  volumes: t.Optional(t.MapList(volume, "name")),
  template: t.Optional(template),
  serviceAccountName: text,
  timeout: text,
  nodeSelector: t.Optional(t.MapOf(t.String())),
  affinity: t.Optional(t.Open()),
  /** "BuildCancelled" ends it. Written with a capital, as Knative has it. */
  Status: text,
});

const parameter = t.Object({ name: t.String(), description: text, default: text });

export const buildTemplateSpec = t.Object({
  parameters: t.Optional(t.Array(parameter)),
  steps: t.Optional(t.Array(step)),
  volumes: t.Optional(t.MapList(volume, "name")),
});

export type Step = Value<typeof step>;
export type BuildSource = Value<typeof buildSource>;
export type BuildSpec = Value<typeof buildSpec>;
export type TemplateUse = Value<typeof template>;
export type BuildParameter = Value<typeof parameter>;
export type BuildTemplateSpec = Value<typeof buildTemplateSpec>;

/** What all steps of a Build have, and where; the second is their HOME. */
export const WORKSPACE_PATH = "/workspace";
export const HOME_PATH = "/builder/home";
export const TEMPLATE_KINDS = ["BuildTemplate", "ClusterBuildTemplate"] as const;
export const SOURCE_FORMS = ["git", "gcs", "custom", "upload"] as const;
export const GCS_TYPES = ["Archive", "Manifest"] as const;
export const CANCELLED = "BuildCancelled";
export const DEFAULT_BUILD_TIMEOUT = "10m0s";

/** All sources of a build, whichever way they are written. */
export function sourcesOf({ source, sources = [] }: BuildSpec): readonly BuildSource[] {
  return source === undefined ? sources : [source];
}
