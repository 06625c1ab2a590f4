import type { Service } from "../../api/service.ts";
import type { TrafficTarget } from "../../api/traffic.ts";

/** What a change of traffic means, a part each: "hello-00001 100 % → 90 %". */
export function differencesOf(
  service: Service,
  after: readonly TrafficTarget[],
): readonly string[] {
  const before = service.spec.traffic ?? [];
  const latest = service.status?.latestReadyRevisionName ?? "the latest revision";
  const nameOf = ({ revisionName }: TrafficTarget) => revisionName ?? latest;
  const names = new Set([...before, ...after].map(nameOf));
  const shares = [...names].sort().flatMap((name) => {
    const [was, is] = [before, after].map((all) => sumOf(all.filter((it) => nameOf(it) === name)));
    return was === is ? [] : [`${name} ${was} % → ${is} %`];
  });
  const tags = new Set([...before, ...after].flatMap(({ tag }) => tag ?? []));
  const moved = [...tags].sort().flatMap((tag) => {
    const [was, is] = [before, after].map((all) => all.find((it) => it.tag === tag));
    if (is === undefined) return [`tag ${tag} dropped`];
    if (was !== undefined && was.revisionName === is.revisionName) return [];
    const from = was === undefined ? "" : ` (was ${nameOf(was)})`;
    return [`tag ${tag} → ${nameOf(is)}${from}`];
  });
  const pins = tracks(before) === tracks(after) ? [] : [pinWords(after)];
  return [...shares, ...moved, ...pins];
}

/** Whether new revisions get requests by themselves. */
function tracks(targets: readonly TrafficTarget[]): boolean {
  return targets.some(({ revisionName, percent = 0 }) => revisionName === undefined && percent > 0);
}

function pinWords(after: readonly TrafficTarget[]): string {
  if (tracks(after)) return "new revisions get traffic as they become ready";
  return "new revisions get no traffic by themselves";
}

function sumOf(targets: readonly TrafficTarget[]): number {
  return targets.reduce((sum, { percent = 0 }) => sum + percent, 0);
}
