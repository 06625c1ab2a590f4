import { isDeepStrictEqual } from "node:util";
import { checkOwnScaling } from "./autoscaling.ts";
import type { AutoscalingLimits } from "./autoscaling_limits.ts";
import { brief } from "./error.ts";
import type { Writing } from "./kind.ts";
import { ANNOTATION, AUTOSCALING, LABEL } from "./labels.ts";
import type { Draft, DraftMeta, Resource } from "./meta.ts";
import { checkNetworking } from "./networking.ts";
import { checkRolloutStrategy } from "./rollout_strategy.ts";
import { checkDuration } from "./template.ts";
import { checkTrafficAnnotations } from "./traffic_annotations.ts";
import { at, invalidKey, invalidValue, type Violation, wrong } from "./violation.ts";

/** As whom our own controllers write. */
export const CONTROLLER_USER = "system:serviceaccount:varve-system:controller";

const PATH = "metadata.annotations";

/**
 * Who made it, and who changed its spec last (spec/elafros §4.2). Our controllers pass on what the
 * owner has; nobody else can say it of others.
 */
export function withAuthors<R extends Resource>(draft: Draft<R>, writing: Writing<R>): Draft<R> {
  const { stored, user } = writing;
  const given = draft.metadata.annotations ?? {};
  const before = stored?.metadata.annotations ?? {};
  const isOurs = user === CONTROLLER_USER;
  const isChanged = stored === undefined || !isDeepStrictEqual(draft.spec, stored.spec);
  const creator =
    stored === undefined
      ? ((isOurs ? given[ANNOTATION.creator] : undefined) ?? user)
      : (given[ANNOTATION.creator] ?? before[ANNOTATION.creator]);
  const kept = given[ANNOTATION.lastModifier] ?? before[ANNOTATION.lastModifier];
  const lastModifier = isOurs ? (kept ?? user) : isChanged ? user : kept;
  const annotations = {
    ...given,
    ...(creator !== undefined && { [ANNOTATION.creator]: creator }),
    ...(lastModifier !== undefined && { [ANNOTATION.lastModifier]: lastModifier }),
  };
  return { ...draft, metadata: { ...draft.metadata, annotations } };
}

interface ServingCheck<R extends Resource> {
  readonly stored: R | undefined;
  readonly limits?: AutoscalingLimits | undefined;
}

/** What is wrong with the metadata of a Service, a Configuration or a Route. */
export function checkServingMeta<R extends Resource>(
  next: Draft<R>,
  { stored, limits }: ServingCheck<R>,
): readonly Violation[] {
  const annotations = next.metadata.annotations ?? {};
  return [
    ...checkAuthors(next, stored),
    ...Object.keys(annotations)
      .filter((key) => key.startsWith(AUTOSCALING))
      .map((key) => {
        const where = '"spec.template.metadata.annotations"';
        return invalidKey(PATH, key, `autoscaling annotations must be put under ${where} to work`);
      }),
    ...[ANNOTATION.rolloutDuration, ANNOTATION.rolloutDurationFormerly].flatMap((key) =>
      checkDuration(annotations, { key, path: PATH, isZeroFine: true }),
    ),
    ...checkTrafficAnnotations(annotations),
    ...checkNetworking(annotations),
    ...checkRolloutStrategy(annotations),
    ...checkOwnScaling(annotations, PATH, limits),
    ...checkVisibility(next.metadata),
    ...checkOwnerLabel(next.metadata, "Service"),
    ...checkOwnerLabel(next.metadata, "Configuration"),
  ];
}

function checkAuthors<R extends Resource>(next: Draft<R>, stored: R | undefined): Violation[] {
  // What a Service keeps has the authors of the Service, whose spec is another.
  const isOwned = next.metadata.ownerReferences?.some(({ controller }) => controller) ?? false;
  if (stored === undefined || isOwned) return [];
  const before = stored.metadata.annotations ?? {};
  const after = next.metadata.annotations ?? {};
  const { creator, lastModifier } = ANNOTATION;
  if (before[creator] !== undefined && before[creator] !== after[creator]) {
    const why = `it is "${before[creator]}", not "${brief(after[creator])}"`;
    return [wrong(at(PATH, creator), "annotation value is immutable", why)];
  }
  const isSame = isDeepStrictEqual(stored.spec, next.spec);
  if (
    isSame &&
    before[lastModifier] !== undefined &&
    before[lastModifier] !== after[lastModifier]
  ) {
    const why = `it is "${before[lastModifier]}", and changes only when spec does`;
    return [invalidValue(at(PATH, lastModifier), after[lastModifier], why)];
  }
  return [];
}

/** Who misspells it would be seen by all, and think otherwise. */
function checkVisibility({ labels = {} }: DraftMeta): Violation[] {
  const { [LABEL.visibility]: value = "" } = labels;
  if (["", "cluster-local"].includes(value)) return [];
  const why = 'want "cluster-local", or no such label for what all may see';
  return [invalidValue(at("metadata.labels", LABEL.visibility), value, why)];
}

const OWNER_LABEL = { Service: LABEL.service, Configuration: LABEL.configuration } as const;

/** A label that says "made by this Service" must be true. */
export function checkOwnerLabel(
  { labels = {}, ownerReferences = [] }: DraftMeta,
  kind: keyof typeof OWNER_LABEL,
): Violation[] {
  const key = OWNER_LABEL[kind];
  const name = labels[key];
  const isTrue = ownerReferences.some((owner) => owner.kind === kind && owner.name === name);
  if (name === undefined || isTrue) return [];
  const why = `there is no ownerReference to ${kind} "${brief(name)}"`;
  return [invalidValue(at("metadata.labels", key), name, why)];
}

/** How long traffic shall take to move to a new Revision, in Go's notation, when it is said. */
export function rolloutDurationOf(annotations: DraftMeta["annotations"] = {}): string | undefined {
  const { rolloutDuration, rolloutDurationFormerly } = ANNOTATION;
  return annotations[rolloutDuration] ?? annotations[rolloutDurationFormerly];
}
