import { isDeepStrictEqual } from "node:util";
import type { Configuration } from "../../api/configuration.ts";
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
  return isDeepStrictEqual(wanted, is);
}

function compared({ revisionName, tag, percent = 0 }: TrafficTarget, latest: string | undefined) {
  return { revisionName: revisionName ?? latest, tag, percent };
}
