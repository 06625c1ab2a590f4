/** Labels that we read or write. The names are Knative's where it has one. */
export const LABEL = {
  configuration: "serving.knative.dev/configuration",
  configurationGeneration: "serving.knative.dev/configurationGeneration",
  configurationUid: "serving.knative.dev/configurationUID",
  service: "serving.knative.dev/service",
  serviceUid: "serving.knative.dev/serviceUID",
  revision: "serving.knative.dev/revision",
  revisionUid: "serving.knative.dev/revisionUID",
  route: "serving.knative.dev/route",
  /** `pending`: new. `active`: routed. `reserve`: no longer routed. */
  routingState: "serving.knative.dev/routingState",
  /** On the Pod that shows a build: the Revision that it is for. */
  build: "varve.dev/build",
  /** "true" on a Secret of type kubernetes.io/tls: it is served for hosts of its namespace. */
  certificate: "varve.dev/certificate",
  visibility: "networking.knative.dev/visibility",
} as const;

/** Annotations that we read or write. Ours begin with `varve.dev/`. */
export const ANNOTATION = {
  creator: "serving.knative.dev/creator",
  lastModifier: "serving.knative.dev/lastModifier",
  routingStateModified: "serving.knative.dev/routingStateModified",
  /** The Routes that send a Revision requests, by name. */
  routes: "serving.knative.dev/routes",
  noGc: "serving.knative.dev/no-gc",
  rolloutDuration: "serving.knative.dev/rollout-duration",
  /** Its spelling of before, which is still read. */
  rolloutDurationFormerly: "serving.knative.dev/rolloutDuration",
  progressDeadline: "serving.knative.dev/progress-deadline",
  minScale: "autoscaling.knative.dev/min-scale",
  maxScale: "autoscaling.knative.dev/max-scale",
  initialScale: "autoscaling.knative.dev/initial-scale",
  /** On a Secret: the host whose certificate was got for it, and is renewed. */
  acmeHost: "varve.dev/acme-host",
  /** On a template: where its code comes from, as `api/source.ts` reads it. */
  source: "varve.dev/source",
  /** On a template: the container image that the built app is laid on, or "scratch". */
  baseImage: "varve.dev/base-image",
  /** On a template: where the built image is sent as well. */
  pushTo: "varve.dev/push-to",
  /** On a template: the Build that makes its image, in the same namespace. */
  buildName: "varve.dev/build-name",
  /** On a template: what the source was called by who deployed it, such as a path. */
  sourceName: "varve.dev/source-name",
  /** On a template: the semantic version of the release. */
  version: "varve.dev/version",
  /** On a Service or Route: whose requests go to the same Revision. */
  sticky: "varve.dev/sticky",
  /** On a Service or Route: which Revision gets a copy of how many requests. */
  mirror: "varve.dev/mirror",
  /** On a Service or Route: whether clients may name a Revision. */
  allowRevisionHeader: "varve.dev/allow-revision-header",
  /** On a template or its owner: how long an idle instance is kept frozen before it is stopped. */
  frozenFor: "varve.dev/frozen-for",
  /** On a Service or Route: the shares that a new Revision gets one after another. */
  rolloutSteps: "varve.dev/rollout-steps",
  /** On a Service or Route: what a new Revision is compared by while they last. */
  rolloutGate: "varve.dev/rollout-gate",
  /** On a Service or Route: a Revision that requests may go to before it has an instance. */
  rollbackTo: "varve.dev/rollback-to",
  /** On a template: "true": instances have what ConfigMaps and Secrets hold when they start. */
  followReferences: "varve.dev/follow-references",
  /** On a copy that a Revision keeps: of what, as "Secret/db". */
  snapshotOf: "varve.dev/snapshot-of",
  /** On a copy of a Secret: goes into its digest, so that nobody can try what it is of. */
  snapshotSalt: "varve.dev/snapshot-salt",
  /** With what the autoscaler's settings begin on a Service, as `varve.dev/min-scale`. */
  ours: "varve.dev/",
} as const;

/**
 * Annotations of a Revision, about its rollout. They are not on the Service: so whoever applies the
 * same manifest again takes nothing back, and a new Revision begins anew.
 */
export const ROLLOUT_NOTE = {
  /** "true": it keeps the share that it has. */
  paused: "varve.dev/rollout-paused",
  /** How many steps it is past whatever was seen of it; or "all". */
  promoted: "varve.dev/rollout-promoted",
  /** Which Revision has its requests instead: it was sent back. */
  instead: "varve.dev/rollout-instead",
  /** Why it was sent back, for programs and for people: "LatencyWorse: …". */
  why: "varve.dev/rollout-why",
} as const;

/** Annotations of the status of a Route: what it has to remember. */
export const ROUTE_NOTE = {
  /** Which points of the keys of stickiness belong to which Revision. */
  intervals: "varve.dev/sticky-intervals",
  /** Which TrafficPolicy the gateway serves it by: its UID and generation. */
  policy: "varve.dev/traffic-policy",
  /** Revisions that are sent requests beside those of its traffic. */
  alsoServes: "varve.dev/also-serves",
} as const;

/** Settings of Knative's proxy beside each instance begin with this. */
export const QUEUE_SIDECAR = "queue.sidecar.serving.knative.dev/";

export const AUTOSCALING = "autoscaling.knative.dev/";
