import { t, type Value } from "../base/schema.ts";
import { envFrom, envVar } from "./env.ts";
import { probe } from "./probe.ts";

const text = t.Optional(t.String());
const texts = t.Optional(t.Array(t.String()));
const flag = t.Optional(t.Boolean());

const quantities = t.Optional(t.MapOf(t.IntOrString()));

export const resources = t.Object({ limits: quantities, requests: quantities });

/** What a container listens on when it does not say. */
export const DEFAULT_PORT = 8080;

/** Where a container may write why it ended, when it does not say. */
export const TERMINATION_MESSAGE_PATH = "/dev/termination-log";

const port = t.Object({
  name: text,
  containerPort: t.Optional(t.Integer({ default: DEFAULT_PORT })),
  protocol: t.Optional(t.String({ default: "TCP" })),
});

export const securityContext = t.Object({
  allowPrivilegeEscalation: flag,
  capabilities: t.Optional(t.Object({ add: texts, drop: texts })),
  /** May be false, and nothing else. */
  privileged: flag,
  readOnlyRootFilesystem: flag,
  runAsGroup: t.Optional(t.Integer()),
  runAsNonRoot: flag,
  runAsUser: t.Optional(t.Integer()),
  seccompProfile: t.Optional(t.Object({ type: t.String(), localhostProfile: text })),
});

export const volumeMount = t.Object({
  name: t.String(),
  mountPath: t.String(),
  subPath: text,
  readOnly: flag,
});

/** What one container of a Revision may say. */
export const container = t.Object({
  name: t.Optional(t.String({ default: "user-container" })),
  image: text,
  imagePullPolicy: text,
  command: texts,
  args: texts,
  workingDir: text,
  env: t.Optional(t.MapList(envVar, "name")),
  envFrom: t.Optional(t.Array(envFrom)),
  ports: t.Optional(t.MapList(port, "containerPort", "protocol")),
  resources: t.Optional(resources),
  livenessProbe: t.Optional(probe),
  readinessProbe: t.Optional(probe),
  startupProbe: t.Optional(probe),
  securityContext: t.Optional(securityContext),
  terminationMessagePath: text,
  terminationMessagePolicy: text,
  volumeMounts: t.Optional(t.MapList(volumeMount, "mountPath")),
});

export type Container = Value<typeof container>;
export type VolumeMount = Value<typeof volumeMount>;
export type Resources = Value<typeof resources>;

/** The container that is sent requests: the one with a port, or the only one. */
export function servingContainer(containers: readonly Container[]): Container | undefined {
  if (containers.length === 1) return containers[0];
  return containers.find(({ ports = [] }) => ports.length > 0);
}
