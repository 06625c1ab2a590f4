import { NotStarted } from "../not_started.ts";
import type { Security } from "../runtime.ts";

/**
 * Of a process that an earlier server began, which may not have read the order: it runs on, for
 * there is nothing that could take its place, and its owner is told before the next start fails.
 */
export function adoptedCaveats(security: Security = {}, isRoot: boolean): readonly string[] {
  if (security.isNeverRoot !== true || !isRoot) return [];
  return [
    "it runs as root, and must not (runAsNonRoot): an earlier version of this server started it. " +
      "Its next start is refused: deploy it with a runAsUser, or leave runAsNonRoot out",
  ];
}

/**
 * What a plain process cannot have of a securityContext, a sentence each. Throws `NotStarted` where
 * it would be root and must not: that is an order, and the others make it safer beside it.
 */
export function securityCaveats(security: Security = {}, isRoot: boolean): readonly string[] {
  if (security.isNeverRoot === true && isRoot) {
    throw new NotStarted(
      "it must not run as root (runAsNonRoot), and this server would run it as root: " +
        "give it a runAsUser, or leave runAsNonRoot out",
    );
  }
  const { addedCapabilities = [], droppedCapabilities = [] } = security;
  const missed = [
    ...(security.isRootReadOnly === true ? ["readOnlyRootFilesystem"] : []),
    ...(security.mayGainPrivileges === false ? ["allowPrivilegeEscalation: false"] : []),
    // Root has them all, and nobody else has any.
    ...(isRoot && droppedCapabilities.length > 0 ? ["capabilities.drop"] : []),
    ...(!isRoot && addedCapabilities.length > 0 ? ["capabilities.add"] : []),
  ];
  if (missed.length === 0) return [];
  const way = "a container has it (--base-image)";
  return [`${missed.join(" and ")} cannot be had by a plain process: ${way}`];
}
