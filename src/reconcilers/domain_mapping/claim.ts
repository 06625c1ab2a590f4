import { conditionOf } from "../../api/condition.ts";
import type { DomainMapping } from "../../api/domain_mapping.ts";

/**
 * Who has a domain, of all that want it: who has it already, also when it is on its way out; else
 * who came first.
 */
export function holderOf(rivals: readonly DomainMapping[]): DomainMapping | undefined {
  return rivals.toSorted((one, other) => compare(rankOf(one), rankOf(other)))[0];
}

function rankOf({ metadata, status }: DomainMapping): string {
  const hasIt = conditionOf(status, "DomainClaimed")?.status === "True";
  return `${hasIt ? 0 : 1} ${metadata.creationTimestamp} ${metadata.namespace}`;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
