import { whyBadName } from "../../api/name.ts";
import type { Service } from "../../api/service.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import { wrongUsage } from "../failure.ts";
import { LATEST, type Target } from "./names.ts";

/** What shall be different about where requests go. */
export interface TrafficChange {
  /** In percent; what is left goes to whoever has most now. */
  readonly shares: ReadonlyMap<Target, number>;
  /** Who shall have which tag. */
  readonly tags: ReadonlyMap<string, Target>;
  readonly untags: readonly string[];
}

interface Entry {
  readonly target: Target;
  readonly percent: number;
  readonly tag?: string;
}

/** Where requests shall go after a change, as a service says it. Throws `Failure`. */
export function plannedTraffic(service: Service, change: TrafficChange): readonly TrafficTarget[] {
  const now = entriesOf(service);
  const untagged = change.untags.reduce((entries, tag) => withoutTag(entries, tag, service), now);
  const shared = change.shares.size === 0 ? untagged : withShares(untagged, change.shares, service);
  const tagged = [...change.tags].reduce(withTag, shared);
  return tagged.map(({ target, percent, tag }) => ({
    ...(target === LATEST
      ? { latestRevision: true }
      : { revisionName: target, latestRevision: false }),
    percent,
    ...(tag !== undefined && { tag }),
  }));
}

/** Reads "2=10" and "hello-00002=10%". Throws `Failure`. */
export function readShare(text: string): readonly [string, number] {
  const [, word, digits] = /^([^=]+)=(\d{1,3})%?$/.exec(text) ?? [];
  const percent = Number(digits);
  if (word !== undefined && percent <= 100) return [word, percent];
  throw wrongUsage(
    `"${text}" is no share of traffic: want REVISION=PERCENT, in whole percent up to 100`,
  );
}

function entriesOf({ spec }: Service): readonly Entry[] {
  const targets = spec.traffic ?? [];
  if (targets.length === 0) return [{ target: LATEST, percent: 100 }];
  return targets.map(({ revisionName, percent = 0, tag }) => {
    return { target: revisionName ?? LATEST, percent, ...(tag !== undefined && { tag }) };
  });
}

function withShares(
  entries: readonly Entry[],
  shares: ReadonlyMap<Target, number>,
  service: Service,
): readonly Entry[] {
  const sum = [...shares.values()].reduce((total, percent) => total + percent, 0);
  if (sum > 100) throw wrongUsage(`The shares add up to ${sum} %: want 100 % at most`);
  const rest = sum < 100 ? [takerOf(entries, shares, service)] : [];
  const wanted = new Map([...shares, ...rest.map((target) => [target, 100 - sum] as const)]);
  const kept = entries.flatMap((entry): readonly Entry[] => {
    const isEmptied = entry.percent > 0 && (wanted.get(entry.target) ?? 0) === 0;
    return isEmptied && entry.tag === undefined ? [] : [{ ...entry, percent: 0 }];
  });
  return [...wanted].reduce(withPercent, kept);
}

/** Who gets what is left: of those that are not named, the one that has most now. */
function takerOf(
  entries: readonly Entry[],
  shares: ReadonlyMap<Target, number>,
  { metadata, status }: Service,
): Target {
  const latest = status?.latestReadyRevisionName ?? "";
  const sums = new Map<Target, number>();
  for (const { target, percent } of entries) sums.set(target, (sums.get(target) ?? 0) + percent);
  const others = [...sums].filter(([target, percent]) => {
    // What tracks the latest is the same revision, if that is the one that was named.
    const isNamed = shares.has(target) || (target === LATEST && shares.has(latest));
    return percent > 0 && !isNamed;
  });
  const [most] = others.sort(([, one], [, other]) => other - one);
  if (most !== undefined) return most[0];
  const left = 100 - [...shares.values()].reduce((total, percent) => total + percent, 0);
  throw wrongUsage(
    `${left} % are left, and who serves "${metadata.name}" now has been named: say who gets them`,
  );
}

/** In the entry that is there for it, or else in a new one. */
function withPercent(
  entries: readonly Entry[],
  [target, percent]: readonly [Target, number],
): readonly Entry[] {
  const own = entries.filter((entry) => entry.target === target);
  const chosen = own.find(({ tag }) => tag === undefined) ?? own[0];
  if (chosen !== undefined) {
    return entries.map((entry) => (entry === chosen ? { ...entry, percent } : entry));
  }
  return percent === 0 ? entries : [...entries, { target, percent }];
}

function withTag(
  entries: readonly Entry[],
  [tag, target]: readonly [string, Target],
): readonly Entry[] {
  const why = whyBadName("dns1035", tag);
  if (why !== undefined) throw wrongUsage(`"${tag}" cannot be a tag: ${why}`);
  const others = dropped(entries, tag);
  const chosen = others.find((entry) => entry.target === target && entry.tag === undefined);
  if (chosen === undefined) return [...others, { target, percent: 0, tag }];
  return others.map((entry) => (entry === chosen ? { ...entry, tag } : entry));
}

function withoutTag(
  entries: readonly Entry[],
  tag: string,
  { metadata }: Service,
): readonly Entry[] {
  const tags = entries.flatMap((entry) => entry.tag ?? []);
  if (tags.includes(tag)) return dropped(entries, tag);
  const there = tags.length === 0 ? "it has none" : `it has ${tags.join(", ")}`;
  throw wrongUsage(`Service "${metadata.name}" has no tag "${tag}": ${there}`);
}

/** An entry that is there for its tag alone goes with it. */
function dropped(entries: readonly Entry[], tag: string): readonly Entry[] {
  return entries.flatMap((entry): readonly Entry[] => {
    if (entry.tag !== tag) return [entry];
    const { target, percent } = entry;
    return percent > 0 ? [{ target, percent }] : [];
  });
}
