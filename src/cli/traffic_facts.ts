import type { Service } from "../api/service.ts";

/** One way that requests go, as `--json` tells it. */
export interface TrafficRow {
  readonly revision: string;
  readonly percent: number;
  /** Whether it moves on with the latest revision that is ready. */
  readonly isLatest: boolean;
  readonly tag?: string;
  readonly url?: string;
}

/** Where requests to a service go now, target by target. */
export function trafficRows({ status }: Service): readonly TrafficRow[] {
  return (status?.traffic ?? []).map((target) => {
    const { revisionName = "", percent = 0, latestRevision = false, tag, url } = target;
    return {
      revision: revisionName,
      percent,
      isLatest: latestRevision,
      ...(tag !== undefined && { tag }),
      ...(url !== undefined && { url }),
    };
  });
}
