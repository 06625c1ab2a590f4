import type { Container } from "../api/container.ts";
import { readQuantity } from "../api/quantity.ts";
import type { InstanceSpec, Limits, Mount, Security } from "../runtime/runtime.ts";

/** Of an instance or of a step of a build: what both say in the same words. */
type Part<K extends keyof Container> = Pick<Container, K>;

/** What Kubernetes makes of a core, and what the kernel takes. */
const SHARES_OF_CORE = 1024;
const SHARES_MIN = 2;
const SHARES_MAX = 262_144;

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

/**
 * How much it may use. Whoever has a limit and no request asks for as much, and whoever asks for
 * no processor has the least share, as in Kubernetes.
 */
export function limitsOf({ resources = {} }: Part<"resources">): Limits {
  const { limits = {}, requests = {} } = resources;
  const memory = limits["memory"] === undefined ? undefined : readQuantity(limits["memory"]);
  const cpu = limits["cpu"] === undefined ? undefined : readQuantity(limits["cpu"]);
  const asked = requests["cpu"] === undefined ? cpu : readQuantity(requests["cpu"]);
  const shares = Math.floor((asked ?? 0) * SHARES_OF_CORE);
  return {
    ...(memory !== undefined && { memoryBytes: Math.floor(memory) }),
    ...(cpu !== undefined && { cpuMillis: Math.round(cpu * 1000) }),
    cpuShares: Math.min(SHARES_MAX, Math.max(SHARES_MIN, shares)),
  };
}
