import type { Revision } from "../../api/revision.ts";
import type { Service } from "../../api/service.ts";
import type { Context } from "../command.ts";
import { inWords, percentOf, readinessOf, sharesOf } from "../service_facts.ts";

/** What to do next about a service, when something is to be done. */
export function serviceAdvice(
  service: Service,
  revisions: readonly Revision[],
  { command }: Context,
): readonly string[] {
  const { metadata, status, spec } = service;
  const { name } = metadata;
  const latest = revisions.find((it) => it.metadata.name === status?.latestCreatedRevisionName);
  if (latest === undefined) return [];
  const failing = revisionAdvice(latest, { command });
  if (failing.length > 0) {
    const shares = sharesOf(service);
    const still = `Requests go to ${inWords(shares)}; nothing needs to be rolled back`;
    return [...failing, ...(shares.length > 0 ? [still] : [])];
  }
  const routes = readinessOf(status, "RoutesReady");
  if (routes.reason === "RolloutAborted") {
    const retry = `Or try it once more: ${command(`rollout retry ${name}`)}`;
    return [
      `Look at both: ${command(`rollout status ${name}`)}; then deploy what is mended`,
      retry,
    ];
  }
  if (routes.status === "False")
    return [`See what it may send requests to: ${command(`traffic ${name}`)}`];
  const isPinned = spec.traffic?.every((it) => it.latestRevision !== true || !it.percent);
  if (isPinned !== true || percentOf(service, latest.metadata.name) > 0) return [];
  return [`The latest revision takes no traffic: ${command(`traffic ${name} @latest=10`)}`];
}

/** What to do next about a revision that does not work. */
export function revisionAdvice(
  { metadata, status }: Revision,
  { command }: Pick<Context, "command">,
): readonly string[] {
  const { name } = metadata;
  const { status: ready, reason } = readinessOf(status);
  if (ready !== "False") return [];
  if (readinessOf(status, "BuildSucceeded").status === "False") {
    const hint = `See what the build said: ${command(`logs ${name} --build`)}`;
    return [hint, "Change the source and deploy again, or the same again with deploy --force"];
  }
  if (reason === "ContainerMissing") {
    return ["Check the name of the image, and whether the registry wants a login"];
  }
  if (reason === "ReferenceMissing") {
    return [`Make what is missing: ${command("apply -f FILE")}; it then starts by itself`];
  }
  if (reason === "SnapshotMissing") {
    return [`Deploy once more; what is missing: ${command(`verify ${name}`)}`];
  }
  const last = `${command(`logs ${name} --previous`)}`;
  return [`See what it wrote: ${command(`logs ${name}`)}, or before its restart: ${last}`];
}
