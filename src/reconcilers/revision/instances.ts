import {
  type Container,
  DEFAULT_PORT,
  servingContainer,
  TERMINATION_MESSAGE_PATH,
} from "../../api/container.ts";
import { LABEL } from "../../api/labels.ts";
import { childOf, type Draft, pathOf } from "../../api/meta.ts";
import { THIS_NODE } from "../../api/node.ts";
import { POD, type Pod } from "../../api/pod.ts";
import type { Revision } from "../../api/revision.ts";
import type { BackendSpec } from "../../gateway/route_table.ts";
import type { Digest } from "../../oci/oci.ts";
import type { Instance, InstanceSpec, Volume } from "../../runtime/runtime.ts";
import { limitsOf, mountsOf, securityOf, userOf } from "../container_parts.ts";
import { expanded } from "../environment.ts";

/** Between SIGTERM and SIGKILL, when requests have ended already. */
const GRACE_MS = 10_000;

export interface InstanceNeeds {
  /** The name of its Pod. */
  readonly pod: string;
  readonly image: Digest;
  readonly env: Readonly<Record<string, string>>;
  readonly volumes: readonly Volume[];
}

/** One instance of a Revision, as the runtime is told to run it. */
export function instanceFor(revision: Revision, needs: InstanceNeeds): InstanceSpec {
  const { pod, image, env, volumes } = needs;
  const container = containerOf(revision);
  const { command, args, workingDir, ports = [] } = container;
  const { readinessProbe = { tcpSocket: {} }, livenessProbe, startupProbe } = container;
  const { terminationMessagePath } = container;
  const fill = (texts: readonly string[]) => texts.map((text) => expanded(text, env));
  return {
    name: pathOf({ namespace: revision.metadata.namespace, name: pod }),
    revision: pathOf(revision.metadata),
    image,
    ...(command !== undefined && { command: fill(command) }),
    ...(args !== undefined && { args: fill(args) }),
    ...(workingDir !== undefined && { workingDir }),
    env,
    port: ports[0]?.containerPort ?? DEFAULT_PORT,
    protocol: ports[0]?.name === "h2c" ? "h2c" : "http1",
    ...(startupProbe !== undefined && { startup: startupProbe }),
    readiness: readinessProbe,
    ...(livenessProbe !== undefined && { liveness: livenessProbe }),
    limits: limitsOf(container),
    ...(volumes.length > 0 && { volumes, mounts: mountsOf(container) }),
    ...securityOf(container),
    ...userOf(container),
    ...(terminationMessagePath !== undefined && { terminationMessagePath }),
    graceMs: GRACE_MS,
  };
}

/** Why this Revision asks for more than any runtime of this server can do, or nothing. */
export function whyUnsupported({ spec }: Revision): string | undefined {
  const { containers = [] } = spec;
  if (containers.length > 1) {
    const way = "put what the others do into its image, or into Services of their own";
    return `The Revision has ${containers.length} containers, and an instance has one: ${way}.`;
  }
  const { seccompProfile } = servingContainer(containers)?.securityContext ?? {};
  if (seccompProfile?.type !== "Localhost") return undefined;
  const others = "RuntimeDefault and Unconfined are";
  return `The seccompProfile "Localhost" is not to be had on this server: ${others}.`;
}

/** What Knative fills in where it makes a Pod, and a Revision leaves open. */
const POD_DEFAULTS = {
  terminationMessagePath: TERMINATION_MESSAGE_PATH,
  terminationMessagePolicy: "FallbackToLogsOnError",
} as const;

/** The Pod that shows an instance, or a build, of a Revision. */
export function podFor(revision: Revision, name: string, image: string): Draft<Pod> {
  const { labels = {} } = revision.metadata;
  const { image: _, ...container } = containerOf(revision);
  return {
    apiVersion: POD.apiVersion,
    kind: POD.kind,
    metadata: {
      ...childOf(revision, name),
      labels: {
        ...labels,
        [LABEL.revision]: revision.metadata.name,
        [LABEL.revisionUid]: revision.metadata.uid,
      },
      finalizers: ["varve.dev/pod"],
    },
    spec: {
      containers: [{ ...POD_DEFAULTS, ...container, image }],
      nodeName: THIS_NODE,
      restartPolicy: "Always",
    },
  };
}

export interface Served {
  /** Those that serve. */
  readonly ready: readonly Instance[];
  /** Those that a request shall thaw. */
  readonly frozen: readonly Instance[];
  /** Why there are none that serve; or nothing. */
  readonly why: string;
}

/** What the gateway is told of a Revision: where its instances are, and its limits on time. */
export function backendFor(revision: Revision, { ready, frozen, why }: Served): BackendSpec {
  const { spec, metadata } = revision;
  const { timeoutSeconds = 300, containerConcurrency = 0 } = spec;
  const { responseStartTimeoutSeconds: start, idleTimeoutSeconds: idle } = spec;
  const endpoints = ready.flatMap(({ spec: { name }, address }) =>
    address === undefined ? [] : [{ name, ...address }],
  );
  const asleep = frozen.flatMap(({ spec: { name }, address, thaw }) =>
    address === undefined || thaw === undefined ? [] : [{ name, ...address, thaw }],
  );
  return {
    id: pathOf(metadata),
    endpoints,
    ...(asleep.length > 0 && { frozen: asleep }),
    ...(endpoints.length === 0 && why !== "" && { why }),
    ...(containerOf(revision).ports?.[0]?.name === "h2c" && { protocol: "h2c" as const }),
    limits: {
      timeoutMs: timeoutSeconds * 1000,
      ...(start !== undefined && { responseStartTimeoutMs: start * 1000 }),
      ...(idle !== undefined && { idleTimeoutMs: idle * 1000 }),
      concurrency: containerConcurrency,
    },
  };
}

function containerOf({ spec }: Revision): Container {
  return servingContainer(spec.containers ?? []) ?? {};
}
