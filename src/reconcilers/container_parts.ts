import type { Container } from "../api/container.ts";
import { readQuantity } from "../api/quantity.ts";
import type { InstanceSpec, Limits, Mount, Security } from "../runtime/runtime.ts";

/** Of an instance or of a step of a build: what both say in the same words. */
type Part<K extends keyof Container> = Pick<Container, K>;

/** Where it has which volumes. */
export function mountsOf({ volumeMounts = [] }: Part<"volumeMounts">): readonly Mount[] {
  return volumeMounts.map(({ name: volume, mountPath: path, subPath, readOnly }) => ({
    volume,
    path,
    ...(subPath !== undefined && { subPath }),
    ...(readOnly !== undefined && { isReadOnly: readOnly }),
  }));
}

/** Only what is said: what a container may do otherwise is for its runtime to know. */
export function securityOf({ securityContext = {} }: Part<"securityContext">): {
  readonly security?: Security;
} {
  const { allowPrivilegeEscalation, capabilities, seccompProfile } = securityContext;
  const { readOnlyRootFilesystem, runAsNonRoot } = securityContext;
  const { add: addedCapabilities, drop: droppedCapabilities } = capabilities ?? {};
  const security = {
    ...(readOnlyRootFilesystem === true && { isRootReadOnly: true }),
    ...(allowPrivilegeEscalation === false && { mayGainPrivileges: false }),
    ...(runAsNonRoot === true && { isNeverRoot: true }),
    ...(addedCapabilities !== undefined && { addedCapabilities }),
    ...(droppedCapabilities !== undefined && { droppedCapabilities }),
    ...(seccompProfile?.type === "Unconfined" && { isSeccompOff: true }),
  };
  return Object.keys(security).length === 0 ? {} : { security };
}

/** Whom its processes run as, where that is said. */
export function userOf({
  securityContext = {},
}: Part<"securityContext">): Pick<InstanceSpec, "user"> {
  const { runAsUser: uid, runAsGroup: gid } = securityContext;
  const user = { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
  return Object.keys(user).length === 0 ? {} : { user };
}

/** How much it may use. Whoever has a limit and no request asks for as much, as in Kubernetes. */
export function limitsOf({ resources = {} }: Part<"resources">): Limits {
  const { limits = {}, requests = {} } = resources;
  const memory = limits["memory"] === undefined ? undefined : readQuantity(limits["memory"]);
  const cpu = limits["cpu"] === undefined ? undefined : readQuantity(limits["cpu"]);
  const asked = requests["cpu"] === undefined ? cpu : readQuantity(requests["cpu"]);
  return {
    ...(memory !== undefined && { memoryBytes: Math.floor(memory) }),
    ...(cpu !== undefined && { cpuMillis: Math.round(cpu * 1000) }),
    ...(asked !== undefined && { cpuShares: Math.max(2, Math.floor(asked * 1024)) }),
  };
}
