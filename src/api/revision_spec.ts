import { t, type Value } from "../base/schema.ts";
import { container } from "./container.ts";
import { volume } from "./volume.ts";

const seconds = t.Optional(t.Integer());

/** What runs, and how: the same in a template and in the Revision made of it. */
export const revisionSpec = t.Object({
  containers: t.Optional(t.MapList(container, "name")),
  volumes: t.Optional(t.MapList(volume, "name")),
  /** For the whole of an ordinary request (spec/elafros §16 O-2). */
  timeoutSeconds: seconds,
  /** Until the first byte of the answer; 0 is no limit. */
  responseStartTimeoutSeconds: seconds,
  /** Without a byte from the instance. */
  idleTimeoutSeconds: seconds,
  /** Requests that one instance is sent at once; 0 leaves it to the autoscaler. */
  containerConcurrency: t.Optional(t.Integer()),
  serviceAccountName: t.Optional(t.String()),
  imagePullSecrets: t.Optional(t.MapList(t.Object({ name: t.Optional(t.String()) }), "name")),
  enableServiceLinks: t.Optional(t.Boolean()),
  automountServiceAccountToken: t.Optional(t.Boolean()),
});

export type RevisionSpec = Value<typeof revisionSpec>;
