import { isDeepStrictEqual } from "node:util";
import { type Container, servingContainer } from "../../api/container.ts";
import { ANNOTATION, AUTOSCALING, LABEL } from "../../api/labels.ts";
import type { Draft } from "../../api/meta.ts";
import { SERVICE, type Service } from "../../api/service.ts";
import type { Template } from "../../api/template.ts";
import { changedEnv, type EnvChange } from "./env.ts";

type Strings = Readonly<Record<string, string>>;

/** One label or annotation that shall be set, or taken away. */
export interface KeyChange {
  readonly key: string;
  readonly value: string | undefined;
}

/** What of a service shall be different. What is left out stays as it is. */
export interface Wish {
  readonly image?: string | undefined;
  /** As `varve.dev/source` has it, and what people call it. */
  readonly source?: { readonly text: string; readonly name: string } | undefined;
  readonly env?: readonly EnvChange[];
  readonly port?: { readonly name?: string; readonly containerPort: number } | undefined;
  readonly concurrency?: number | undefined;
  readonly timeoutSeconds?: number | undefined;
  /** "none" takes a limit away. */
  readonly memory?: string | undefined;
  readonly cpu?: string | undefined;
  readonly minScale?: number | undefined;
  readonly maxScale?: number | undefined;
  readonly annotations?: readonly KeyChange[];
  readonly labels?: readonly KeyChange[];
  /** The name of the new revision, with or without the service's before it. */
  readonly revisionName?: string | undefined;
  /** Set to have a new revision even when nothing is different. */
  readonly forcedAt?: string | undefined;
}

export interface Place {
  readonly namespace: string;
  readonly name: string;
}

/** As `kn` marks a revision that was asked for though nothing had changed. */
const FORCED = "client.knative.dev/updateTimestamp";

/** A service as it is wished to be, from nothing. */
export function wishedDraft(wish: Wish, { namespace, name }: Place): Draft<Service> {
  const { apiVersion, kind } = SERVICE;
  const empty = { apiVersion, kind, metadata: { namespace, name }, spec: {} };
  return { ...empty, ...partsOf(empty, wish, name) };
}

/** The same service, with what is wished to be different. */
export function wishedService(before: Service, wish: Wish): Service {
  const { metadata, spec } = partsOf(before, wish, before.metadata.name);
  return { ...before, metadata: { ...before.metadata, ...metadata }, spec };
}

function partsOf<Part extends Pick<Draft<Service>, "metadata" | "spec">>(
  { metadata, spec }: Part,
  wish: Wish,
  name: string,
) {
  const labels = changedKeys(metadata.labels, wish.labels, isForService);
  const annotations = changedKeys(metadata.annotations, wish.annotations, isForService);
  return {
    metadata: { ...metadata, labels, annotations },
    spec: { ...spec, template: wishedTemplate(spec.template ?? {}, wish, name) },
  };
}

/** A name of its own is good for one revision: another one must find a new name. */
function wishedTemplate(before: Template, wish: Wish, service: string): Template {
  const { name: last, labels: lastLabels, annotations: noted, ...metadata } = before.metadata ?? {};
  const labels = changedKeys(lastLabels, wish.labels, isForRevision);
  const annotations = wishedAnnotations(noted, wish);
  const spec = { ...before.spec, ...limitsOf(wish), containers: wishedContainers(before, wish) };
  const kept = {
    ...metadata,
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  const wished = wish.revisionName;
  if (wished !== undefined) {
    const named = wished.startsWith(`${service}-`) ? wished : `${service}-${wished}`;
    return { ...before, metadata: { ...kept, name: named }, spec };
  }
  const same = {
    ...before,
    metadata: { ...kept, ...(last !== undefined && { name: last }) },
    spec,
  };
  return isDeepStrictEqual(same, before) ? same : { ...before, metadata: kept, spec };
}

function limitsOf({ concurrency, timeoutSeconds }: Wish) {
  return {
    ...(concurrency !== undefined && { containerConcurrency: concurrency }),
    ...(timeoutSeconds !== undefined && { timeoutSeconds }),
  };
}

/** Only the container that is sent requests changes; the others stay. */
function wishedContainers({ metadata, spec }: Template, asked: Wish): readonly Container[] {
  const { containers = [] } = spec ?? {};
  const { source, ...others } = asked;
  const isSame = source?.text === metadata?.annotations?.[ANNOTATION.source];
  const wish = isSame ? others : asked;
  const serving = servingContainer(containers);
  if (serving === undefined) return [wishedContainer({}, wish), ...containers];
  return containers.map((it) => (it === serving ? wishedContainer(it, wish) : it));
}

function wishedContainer(before: Container, wish: Wish): Container {
  const { image, env = [], resources, ...others } = before;
  // The server names the image of what it builds itself.
  const wished = wish.source === undefined ? (wish.image ?? image) : undefined;
  const variables = changedEnv(env, wish.env ?? []);
  const limits = changedKeys(
    resources?.limits,
    [limitOf("memory", wish.memory), limitOf("cpu", wish.cpu)].flat(),
  );
  const { limits: _, ...requests } = resources ?? {};
  const after = { ...requests, ...(Object.keys(limits).length > 0 && { limits }) };
  return {
    ...(wished !== undefined && { image: wished }),
    ...others,
    ...(variables.length > 0 && { env: variables }),
    ...(Object.keys(after).length > 0 && { resources: after }),
    ...(wish.port !== undefined && { ports: [wish.port] }),
  };
}

function limitOf(key: string, value: string | undefined): readonly KeyChange[] {
  return value === undefined ? [] : [{ key, value: value === "none" ? undefined : value }];
}

function wishedAnnotations(before: Strings = {}, wish: Wish): Strings {
  const scales = [
    { key: ANNOTATION.minScale, value: wish.minScale?.toString() },
    { key: ANNOTATION.maxScale, value: wish.maxScale?.toString() },
    { key: FORCED, value: wish.forcedAt },
  ].filter(({ value }) => value !== undefined);
  const all = changedKeys(before, [...(wish.annotations ?? []), ...scales], isForRevision);
  return withSource(all, wish);
}

/** The same source under another name is the same, and makes no revision. */
function withSource(annotations: Strings, { image, source }: Wish): Strings {
  const { [ANNOTATION.source]: last, [ANNOTATION.sourceName]: _, ...others } = annotations;
  if (source !== undefined && source.text !== last) {
    return {
      ...others,
      [ANNOTATION.source]: source.text,
      [ANNOTATION.sourceName]: source.name,
    };
  }
  return image === undefined ? annotations : others;
}

function changedKeys<Value extends string | number>(
  before: Readonly<Record<string, Value>> = {},
  changes: readonly KeyChange[] = [],
  isMeant: (key: string) => boolean = () => true,
): Readonly<Record<string, Value | string>> {
  const after: Record<string, Value | string> = { ...before };
  for (const { key, value } of changes.filter(({ key }) => isMeant(key))) {
    if (value === undefined) delete after[key];
    else after[key] = value;
  }
  return after;
}

/** Some mean something on the service alone, and some on the revision alone. */
const OF_SERVICE: readonly string[] = [ANNOTATION.rolloutDuration, LABEL.visibility];

function isForService(key: string): boolean {
  return !key.startsWith(AUTOSCALING) && !key.startsWith("varve.dev/");
}

function isForRevision(key: string): boolean {
  return !OF_SERVICE.includes(key);
}
