import { isDeepStrictEqual } from "node:util";
import type { Configuration } from "../../api/configuration.ts";
import type { Rollout } from "../../api/rollout.ts";
import type { Route } from "../../api/route.ts";
import type { Service } from "../../api/service.ts";
import type { TrafficTarget } from "../../api/traffic.ts";

interface Children {
  readonly route: Route;
  readonly configuration: Configuration;
}

/**
 * Whether requests go as the Service says, target by target, what is tracked taken for the latest
 * ready Revision (spec/elafros §4.6 rule 4).
 */
export function isMigrated(service: Service, { route, configuration }: Children): boolean {
  const { latestReadyRevisionName: latest } = configuration.status ?? {};
  const wanted = (service.spec.traffic ?? []).map((target) => compared(target, latest));
  const is = (route.status?.traffic ?? []).map((target) => compared(target, latest));
  return isDeepStrictEqual(wanted, joined(is, route.status?.rollouts ?? []));
}

type Compared = ReturnType<typeof compared>;

/** A rollout counts as what it ends in, so that nobody who waits for Ready waits for it (O-4). */
function joined(targets: readonly Compared[], rollouts: readonly Rollout[]): readonly Compared[] {
  let rest = [...targets];
  for (const { revisions, revisionName } of rollouts) {
    const at = rest.findIndex((_, from) =>
      revisions.every(({ revisionName }, to) => rest[from + to]?.revisionName === revisionName),
    );
    const parts = at < 0 ? [] : rest.slice(at, at + revisions.length);
    const newest = parts.at(-1);
    if (newest === undefined) continue;
    const percent = parts.reduce((sum, part) => sum + part.percent, 0);
    const ends = { ...newest, revisionName: revisionName ?? newest.revisionName, percent };
    rest = rest.toSpliced(at, parts.length, ends);
  }
  return rest;
}

function compared({ revisionName, tag, percent = 0 }: TrafficTarget, latest: string | undefined) {
  return { revisionName: revisionName ?? latest, tag, percent };
}
