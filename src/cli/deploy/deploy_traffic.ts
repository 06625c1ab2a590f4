import type { Service } from "../../api/service.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import { wrongUsage } from "../failure.ts";

export interface TrafficWish {
  /** The new revision shall get none: who serves now goes on. */
  readonly isWithout: boolean;
  /** The new revision shall have this tag. */
  readonly tag?: string | undefined;
}

/** How requests are to go while and after a new revision comes. Throws `Failure`. */
export function wishedTraffic(
  before: Service | undefined,
  { isWithout, tag }: TrafficWish,
): readonly TrafficTarget[] | undefined {
  const said = before?.spec.traffic;
  const targets = isWithout ? pinned(before) : said;
  if (tag === undefined) return targets;
  const all = targets ?? [{ latestRevision: true, percent: 100 }];
  const others = all.flatMap((target): readonly TrafficTarget[] => {
    if (target.tag !== tag) return [target];
    const { tag: _, ...untagged } = target;
    return (target.percent ?? 0) > 0 ? [untagged] : [];
  });
  return [...others, { latestRevision: true, percent: 0, tag }];
}

/** By name whom requests go to by now, so that none of it moves on with what comes. */
function pinned(service: Service | undefined): readonly TrafficTarget[] {
  if (service === undefined) {
    const why = "somebody has to serve, and this is the first revision";
    throw wrongUsage(`A new service cannot begin with --no-traffic: ${why}`);
  }
  const { metadata, spec, status } = service;
  const isByName = spec.traffic?.every(({ revisionName }) => revisionName !== undefined);
  if (isByName === true) return spec.traffic ?? [];
  const targets = status?.traffic ?? [];
  if (targets.length > 0) {
    return targets.map(({ revisionName = "", percent = 0, tag }) => {
      return { revisionName, latestRevision: false, percent, ...(tag !== undefined && { tag }) };
    });
  }
  throw wrongUsage(
    `Service "${metadata.name}" serves nothing yet, so --no-traffic has nothing to go on with`,
    "Deploy something that works first, without --no-traffic",
  );
}
