import { isDeepStrictEqual } from "node:util";
import { t, type Value } from "../base/schema.ts";
import { checkAutoscaling } from "./autoscaling.ts";
import { NAME_COLUMN, READY_COLUMNS } from "./column.ts";
import { servingStatusFields } from "./condition.ts";
import { firstOf } from "./error.ts";
import { checkForbidden } from "./forbidden.ts";
import { SERVING } from "./group.ts";
import type { Check, Kind, Writing } from "./kind.ts";
import { ANNOTATION, LABEL } from "./labels.ts";
import type { Draft, Resource } from "./meta.ts";
import { differences } from "./normal.ts";
import { checkRevisionSpec } from "./revision_check.ts";
import { normalSpec, withSpecDefaults } from "./revision_defaults.ts";
import { revisionSpec, type RevisionSpec as Spec } from "./revision_spec.ts";
import { IMPORTER } from "./role.ts";
import { floorIn, withFloorIn } from "./scale.ts";
import { CONTROLLER_USER, checkOwnerLabel } from "./serving.ts";
import { denied, type Violation, wrong } from "./violation.ts";

const text = t.Optional(t.String());

const containerStatus = t.Object({ name: text, imageDigest: text });

const coldStart = t.Object({
  from: t.OneOf("new", "stopped", "frozen"),
  at: t.String({ format: "date-time" }),
  /** Until this start began, with those that failed before; of a frozen one, until it served. */
  scheduleMs: t.Number(),
  unpackMs: t.Number(),
  startMs: t.Number(),
  readyMs: t.Number(),
  totalMs: t.Number(),
});

const reference = t.Object({
  kind: t.OneOf("ConfigMap", "Secret"),
  name: t.String(),
  digest: text,
  snapshot: text,
});

const identity = t.Object({ digest: text, references: t.Optional(t.Array(reference)) });

const status = t.Object({
  ...servingStatusFields,
  /** Where to read what its instances write. */
  logUrl: text,
  /** The image of each container, by digest: what "the same Revision" means. */
  containerStatuses: t.Optional(t.Array(containerStatus)),
  /** Of one that was built here: what exactly was built, such as a commit. */
  imageSource: t.Optional(t.Object({ origin: t.String() })),
  /** Ours: a digest over image, configuration and what that refers to, told once and for all. */
  identity: t.Optional(identity),
  actualReplicas: t.Optional(t.Integer()),
  /** Ours: the last start that somebody waited for, and where its time went. */
  coldStart: t.Optional(coldStart),
  /** Ours: instances that are kept without a processor, for the next request. */
  frozenReplicas: t.Optional(t.Integer()),
  desiredReplicas: t.Optional(t.Integer()),
});

export type RevisionSpec = Spec;
export type RevisionStatus = Value<typeof status>;

/** One release of a Configuration: code and settings, never changed. */
export interface Revision extends Resource {
  readonly spec: RevisionSpec;
  readonly status?: RevisionStatus;
}

const replicas = (which: string) => ({
  name: `${which[0]?.toUpperCase()}${which.slice(1)} Replicas`,
  type: "integer" as const,
  description: `How many instances there are (${which})`,
  jsonPath: `.status.${which}Replicas`,
});

export const REVISION: Kind<Revision> = {
  apiVersion: SERVING,
  kind: "Revision",
  plural: "revisions",
  singular: "revision",
  shortNames: ["rev"],
  categories: ["all", "knative", "serving"],
  isNamespaced: true,
  nameRule: "dns1035",
  schema: t.Object({ spec: t.Optional(revisionSpec), status: t.Optional(status) }),
  hasStatus: true,
  columns: [
    NAME_COLUMN,
    {
      name: "Config Name",
      type: "string",
      description: "The Configuration that made it",
      jsonPath: ".metadata.labels['serving.knative.dev/configuration']",
    },
    {
      name: "Generation",
      type: "string",
      description: "Of the Configuration, when it made this",
      jsonPath: ".metadata.labels['serving.knative.dev/configurationGeneration']",
    },
    ...READY_COLUMNS,
    replicas("actual"),
    replicas("desired"),
  ],
  scale: {
    floor: ({ metadata }) => floorIn(metadata.annotations),
    selector: ({ metadata }) => `${LABEL.revision}=${metadata.name}`,
    withFloor: (draft, replicas) => {
      const annotations = withFloorIn(draft.metadata.annotations, replicas);
      return { ...draft, metadata: { ...draft.metadata, annotations } };
    },
  },
  refuses: {
    create: "Revisions come from changes of a Configuration or a Service; change that instead",
  },
  importer: IMPORTER,
  prepare(draft, writing) {
    const spec = specFor(draft.spec ?? {}, writing);
    return withRoutingTime({ ...draft, spec }, writing);
  },
  validate: (next, check) =>
    check.stored === undefined ? checkNew(next, check) : checkSame(next, check.stored),
  refuse: denied,
};

/** A spec that is stored takes no defaults any more, and of a controller's the template has. */
function specFor(sent: RevisionSpec, { stored, user }: Writing<Revision>): RevisionSpec {
  const said = normalSpec(sent);
  if (stored === undefined) return user === CONTROLLER_USER ? said : withSpecDefaults(said);
  return isDeepStrictEqual(said, stored.spec) ? stored.spec : said;
}

/** When its routing state became what it is: the server says it, for it has the clock. */
function withRoutingTime(
  draft: Draft<Revision>,
  { stored, now }: Writing<Revision>,
): Draft<Revision> {
  const { labels = {}, annotations = {} } = draft.metadata;
  const state = labels[LABEL.routingState];
  const isSame = stored !== undefined && state === stored.metadata.labels?.[LABEL.routingState];
  if (state === undefined || isSame) return draft;
  const dated = { ...annotations, [ANNOTATION.routingStateModified]: now };
  return { ...draft, metadata: { ...draft.metadata, annotations: dated } };
}

function checkNew(
  next: Draft<Revision>,
  { unknown, limits }: Check<Revision>,
): readonly Violation[] {
  return [
    ...checkOwnerLabel(next.metadata, "Configuration"),
    ...checkAutoscaling(next.metadata.annotations, "metadata.annotations", limits),
    ...checkRevisionSpec(next.spec, "spec", limits),
    ...checkForbidden(unknown, "spec"),
  ];
}

function checkSame(next: Draft<Revision>, stored: Revision): readonly Violation[] {
  const changed = differences(stored.spec, next.spec);
  if (changed.length === 0) return [];
  const { shown, more } = firstOf(changed);
  const details = [...shown, ...more].join("\n");
  return [wrong("spec", "Immutable fields changed (-old +new)", details)];
}
