import { conditionOf, type ResourceStatus } from "../api/condition.ts";
import { LABEL } from "../api/labels.ts";
import type { Revision } from "../api/revision.ts";
import type { Service } from "../api/service.ts";
import type { TrafficTarget } from "../api/traffic.ts";

/** A revision, and what part of the requests it is sent, in percent. */
export interface Share {
  readonly revision: string;
  readonly percent: number;
}

/** Who is sent requests now, the largest share first. */
export function sharesOf({ status }: Service): readonly Share[] {
  const sums = new Map<string, number>();
  for (const { revisionName = "", percent = 0 } of status?.traffic ?? []) {
    sums.set(revisionName, (sums.get(revisionName) ?? 0) + percent);
  }
  const shares = [...sums].map(([revision, percent]) => ({ revision, percent }));
  return shares
    .filter(({ percent }) => percent > 0)
    .sort((a, b) => b.percent - a.percent || b.revision.localeCompare(a.revision));
}

export function percentOf(service: Service, revision: string): number {
  return sharesOf(service).find((share) => share.revision === revision)?.percent ?? 0;
}

/** The tags of a revision, with their addresses. */
export function tagsOf({ status }: Service, revision: string): readonly TrafficTarget[] {
  const targets = status?.traffic ?? [];
  return targets.filter((it) => it.revisionName === revision && it.tag !== undefined);
}

/** "00002" of "hello-00002". */
export function suffixOf(service: string, revision: string): string {
  return revision.startsWith(`${service}-`) ? revision.slice(service.length + 1) : revision;
}

/** The generation of its Configuration that made a revision; 0 when it does not say. */
export function generationOf({ metadata }: Revision): number {
  return Number(metadata.labels?.[LABEL.configurationGeneration] ?? 0);
}

/** The service that a revision belongs to, when there is one. */
export function serviceOf({ metadata }: Revision): string | undefined {
  return metadata.labels?.[LABEL.service];
}

/** The newest first. */
export function byAge(one: Revision, other: Revision): number {
  const [first, second] = [one.metadata, other.metadata];
  return (
    second.creationTimestamp.localeCompare(first.creationTimestamp) ||
    generationOf(other) - generationOf(one) ||
    first.name.localeCompare(second.name)
  );
}

export interface Readiness {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** One condition, as if everything said it. */
export function readinessOf(status: ResourceStatus | undefined, type = "Ready"): Readiness {
  const found = conditionOf(status, type);
  const { status: said = "Unknown", reason = "", message = "" } = found ?? {};
  return { status: said, reason, message };
}

/** "hello-00001 90 %, hello-00002 10 %". */
export function inWords(shares: readonly Share[]): string {
  if (shares.length === 0) return "nobody";
  if (shares.length === 1) return shares[0]?.revision ?? "";
  return shares.map(({ revision, percent }) => `${revision} ${percent} %`).join(", ");
}
