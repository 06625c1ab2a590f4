import { isDeepStrictEqual } from "node:util";
import { t, type Value } from "../base/schema.ts";
import { checkAutoscaling, checkFrozenFor } from "./autoscaling.ts";
import type { AutoscalingLimits } from "./autoscaling_limits.ts";
import { readDurationMs } from "./duration.ts";
import { firstOf } from "./error.ts";
import { checkForbidden } from "./forbidden.ts";
import { whyBadImage } from "./image.ts";
import { ANNOTATION, QUEUE_SIDECAR } from "./labels.ts";
import { type DraftMeta, draftMeta } from "./meta.ts";
import { checkAnnotations, checkLabels } from "./meta_check.ts";
import { whyBadName } from "./name.ts";
import { differences } from "./normal.ts";
import { readQuantity } from "./quantity.ts";
import { checkRevisionSpec } from "./revision_check.ts";
import { normalSpec, withSpecDefaults } from "./revision_defaults.ts";
import type { RevisionLimits } from "./revision_limits.ts";
import { revisionSpec } from "./revision_spec.ts";
import { whyBadSource } from "./source.ts";
import { at, disallowed, invalidValue, type Violation, wrong } from "./violation.ts";

/** What the next Revision shall be. */
export const template = t.Object({
  metadata: t.Optional(draftMeta),
  spec: t.Optional(revisionSpec),
});

export type Template = Value<typeof template>;

/** The registry of images that are only here: built from source, or loaded by hand. */
export const BUILT_HERE = "varve.local";

interface TemplateDefaults {
  /** What a build of its source is called. */
  readonly image: string;
  /** The template that this one replaces. */
  readonly stored: Template | undefined;
}

/** A template in its normal form, with all that was left out filled in (spec/elafros §4.3). */
export function withTemplateDefaults(
  sent: Template,
  { image, stored }: TemplateDefaults,
): Template {
  const { labels = {}, annotations = {}, name = "" } = sent.metadata ?? {};
  const kept = {
    ...(name !== "" && { name }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  const metadata = Object.keys(kept).length > 0 && { metadata: kept };
  const said = { ...metadata, spec: normalSpec(sent.spec ?? {}) };
  // Defaults may be others than when it was stored; to say the same again changes nothing.
  if (stored !== undefined && isDeepStrictEqual(said, stored)) return stored;
  const isBuilt = annotations[ANNOTATION.source] !== undefined;
  return { ...metadata, spec: withSpecDefaults(said.spec, isBuilt ? image : undefined) };
}

/** What a build of this Service's or Configuration's source is called. */
export function imageOf({ namespace = "default", name = "" }: DraftMeta): string {
  return `${BUILT_HERE}/${namespace}/${name}`;
}

/** Whom a template belongs to, for checking it. */
export interface Parent {
  /** Of the Service or the Configuration; a Revision's own name begins with it. */
  readonly name: string | undefined;
  readonly hasGenerateName: boolean;
  /** The template that this one replaces. */
  readonly stored: Template | undefined;
  readonly unknown: readonly string[];
  readonly limits?: (AutoscalingLimits & RevisionLimits) | undefined;
}

const TEMPLATE = "spec.template";
const ANNOTATIONS = `${TEMPLATE}.metadata.annotations`;

/** What is wrong with a template (spec/elafros §4.1, §4.4). */
export function checkTemplate(next: Template, parent: Parent): readonly Violation[] {
  const { labels, annotations = {} } = next.metadata ?? {};
  const forbidden = checkForbidden(parent.unknown, at(TEMPLATE, "spec"));
  // It was allowed, and makes no Revision: what an operator allows now is for the next one.
  if (isDeepStrictEqual(next, parent.stored)) return forbidden;
  return [
    ...checkName(next, parent),
    ...checkLabels(labels, at(TEMPLATE, "metadata", "labels")),
    ...checkAnnotations(annotations, ANNOTATIONS),
    ...checkSettings(annotations, parent.limits),
    ...checkRevisionSpec(next.spec ?? {}, at(TEMPLATE, "spec"), parent.limits),
    ...forbidden,
  ];
}

function checkName(next: Template, parent: Parent): readonly Violation[] {
  const name = next.metadata?.name;
  const path = at(TEMPLATE, "metadata", "name");
  if (name === undefined) return [];
  if (parent.hasGenerateName) return [disallowed(path, "the name of its parent is generated")];
  const why = whyBadName("dns1035", name);
  if (why !== undefined) return [wrong(path, `not a DNS 1035 label: [${why}, not "${name}"]`)];
  const prefix = `${parent.name ?? ""}-`;
  if (!name.startsWith(prefix)) {
    return [invalidValue(path, `"${name}" must have prefix "${prefix}"`)];
  }
  if (parent.stored?.metadata?.name !== name) return [];
  const changed = differences(parent.stored, next);
  if (changed.length === 0) return [];
  const { shown, more } = firstOf(changed);
  const message = "Saw the following changes without a name change (-old +new)";
  return [wrong(path, message, [...shown, ...more].join("\n"))];
}

/** What is wrong with those annotations of a template that we read. */
function checkSettings(
  annotations: Strings,
  limits: AutoscalingLimits | undefined,
): readonly Violation[] {
  const { progressDeadline: deadline, source } = ANNOTATION;
  return [
    ...checkAutoscaling(annotations, ANNOTATIONS, limits),
    ...checkFrozenFor(annotations, ANNOTATIONS),
    ...checkDuration(annotations, { key: deadline, path: ANNOTATIONS, isZeroFine: false }),
    ...checkSource(annotations[source], at(ANNOTATIONS, source)),
    ...checkBuildImages(annotations),
    ...checkSidecar(annotations),
  ];
}

/** Images that have to do with a build make sense beside a source alone. */
function checkBuildImages(annotations: Strings): readonly Violation[] {
  const { baseImage, pushTo, source, buildName } = ANNOTATION;
  const images = [baseImage, pushTo].flatMap((key) => {
    const value = annotations[key];
    if (value === undefined) return [];
    const field = at(ANNOTATIONS, key);
    if (annotations[source] === undefined) {
      return [disallowed(field, `nothing is built here: there is no annotation ${source}`)];
    }
    const why = whyBadImage(value);
    return why === undefined ? [] : [invalidValue(field, value, why)];
  });
  const build = annotations[buildName];
  if (build === undefined) return images;
  const field = at(ANNOTATIONS, buildName);
  const why = whyBadName("subdomain", build);
  return [
    ...images,
    ...(why === undefined ? [] : [invalidValue(field, build, why)]),
    ...(annotations[source] === undefined ? [] : [disallowed(field, `${source} says another way`)]),
  ];
}

function checkSource(source: string | undefined, field: string): readonly Violation[] {
  if (source === undefined) return [];
  const why = whyBadSource(source);
  return why === undefined ? [] : [invalidValue(field, source, why)];
}

/** There is no sidecar here; what was written for one must be right all the same. */
function checkSidecar(annotations: Strings): readonly Violation[] {
  const entries = Object.entries(annotations).filter(([key]) => key.startsWith(QUEUE_SIDECAR));
  return entries.flatMap(([key, value]) => {
    const isQuantity = /-resource-(request|limit)$/.test(key);
    if (!isQuantity || readQuantity(value) !== undefined) return [];
    return [
      invalidValue(at(ANNOTATIONS, key), value, 'want a quantity, such as "500m" or "256Mi"'),
    ];
  });
}

interface DurationCheck {
  readonly key: string;
  readonly path: string;
  readonly isZeroFine: boolean;
}

type Strings = Readonly<Record<string, string>>;

/** An annotation that holds a span of time in whole seconds. */
export function checkDuration(
  annotations: Strings,
  { key, path, isZeroFine }: DurationCheck,
): readonly Violation[] {
  const value = annotations[key];
  if (value === undefined) return [];
  const field = at(path, key);
  const said = `${key.slice(key.indexOf("/") + 1)}=${value}`;
  const ms = readDurationMs(value);
  if (ms === undefined) return [invalidValue(field, value, 'want a duration, such as "120s"')];
  if (ms % 1000 !== 0) return [wrong(field, `${said} is not at second precision`)];
  return ms < 0 || (ms === 0 && !isZeroFine) ? [wrong(field, `${said} must be positive`)] : [];
}
