import { isGoing } from "../../api/meta.ts";
import type { Revision } from "../../api/revision.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import type { Context } from "../command.ts";
import { failure } from "../failure.ts";

/** Whether it names a revision that is no more: nothing moves while such a target is there. */
export function isGone({ revisionName }: TrafficTarget, revisions: readonly Revision[]): boolean {
  if (revisionName === undefined) return false;
  return !revisions.some((it) => it.metadata.name === revisionName && !isGoing(it));
}

/** Whether it does nothing but to keep all else from moving. */
export function isInTheWay(target: TrafficTarget, revisions: readonly Revision[]): boolean {
  const { percent = 0, tag } = target;
  return percent === 0 && tag === undefined && isGone(target, revisions);
}

export interface There {
  readonly service: string;
  readonly revisions: readonly Revision[];
  readonly command: Context["command"];
}

/** Throws `Failure` with the way out when traffic names somebody who is gone. */
export function checkThere(targets: readonly TrafficTarget[], there: There): void {
  const { service, revisions, command } = there;
  const gone = targets.find((it) => isGone(it, revisions));
  if (gone === undefined) return;
  const { revisionName, tag, percent = 0 } = gone;
  const isTag = percent === 0 && tag !== undefined;
  const by = isTag ? `has the tag "${tag}" for it` : `sends it ${percent} %`;
  const way = isTag
    ? `Take it away: ${command(`traffic ${service} --untag ${tag}`)}`
    : `Say who gets what: ${command(`traffic ${service} REVISION=PERCENT`)}`;
  const why = "no traffic of it moves until then";
  throw failure(`Revision "${revisionName}" is gone, and "${service}" ${by}: ${why}`, way);
}
