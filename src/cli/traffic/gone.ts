import { isGoing } from "../../api/meta.ts";
import type { Service } from "../../api/service.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import type { Context } from "../command.ts";
import { failure } from "../failure.ts";
import type { Known } from "./names.ts";

/** Whether it names a revision that is no more: nothing moves while such a target is there. */
export function isGone({ revisionName }: TrafficTarget, { service, revisions }: Known): boolean {
  if (revisionName === undefined || isToCome(revisionName, service)) return false;
  return !revisions.some((it) => it.metadata.name === revisionName && !isGoing(it));
}

/** Whether the template names it, and it has yet to be made: it is waited for. */
function isToCome(name: string, { spec, status }: Service): boolean {
  return spec.template?.metadata?.name === name && status?.latestCreatedRevisionName !== name;
}

/** Whether it does nothing but to keep all else from moving. */
export function isInTheWay(target: TrafficTarget, known: Known): boolean {
  const { percent = 0, tag } = target;
  return percent === 0 && tag === undefined && isGone(target, known);
}

/** Throws `Failure` with the way out when traffic names somebody who is gone. */
export function checkThere(
  targets: readonly TrafficTarget[],
  known: Known,
  { command }: Pick<Context, "command">,
): void {
  const gone = targets.find((it) => isGone(it, known));
  if (gone === undefined) return;
  const { name } = known.service.metadata;
  const { revisionName, tag, percent = 0 } = gone;
  const isTag = percent === 0 && tag !== undefined;
  const by = isTag ? `has the tag "${tag}" for it` : `sends it ${percent} %`;
  const way = isTag
    ? `Take it away: ${command(`traffic ${name} --untag ${tag}`)}`
    : `Say who gets what: ${command(`traffic ${name} REVISION=PERCENT`)}`;
  const why = "no traffic of it moves until then";
  throw failure(`Revision "${revisionName}" is gone, and "${name}" ${by}: ${why}`, way);
}
