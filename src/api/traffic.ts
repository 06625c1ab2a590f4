import { t, type Value } from "../base/schema.ts";
import { brief } from "./error.ts";
import { whyBadName } from "./name.ts";
import {
  at,
  disallowed,
  invalidKey,
  invalidValue,
  notExactlyOne,
  outside,
  together,
  type Violation,
  wrong,
} from "./violation.ts";

/** One share of a Route's requests, and who gets it. */
export const trafficTarget = t.Object({
  /** What it tracks is the latest ready Revision of this Configuration. */
  configurationName: t.Optional(t.String()),
  revisionName: t.Optional(t.String()),
  /** Whether it moves on with the latest ready Revision. */
  latestRevision: t.Optional(t.Boolean()),
  /** Gives it a host of its own: `tag-name.namespace.domain`. */
  tag: t.Optional(t.String()),
  /** In whole percent of the requests to the main host. */
  percent: t.Optional(t.Integer()),
  /** In status only: the address of the tag. */
  url: t.Optional(t.String()),
});

export type TrafficTarget = Value<typeof trafficTarget>;

/** Targets with all that was left out filled in (spec/elafros §4.3). */
export function withTrafficDefaults(targets: readonly TrafficTarget[]): readonly TrafficTarget[] {
  return targets.map((target) => {
    const { percent = 0, latestRevision = target.revisionName === undefined } = target;
    return { ...target, latestRevision, percent };
  });
}

interface TrafficCheck {
  /** Of the Route: a tag and the name make one host together. */
  readonly name: string;
  /** A Service tracks its own Configuration, and cannot name another. */
  readonly isOfService: boolean;
}

/** What is wrong with `spec.traffic` (spec/elafros §4.4). */
export function checkTraffic(
  targets: readonly TrafficTarget[],
  check: TrafficCheck,
): readonly Violation[] {
  const each = targets.flatMap((target, index) => {
    const path = at("spec.traffic", index);
    return [
      ...checkWhom(target, { path, ...check }),
      ...checkLatest(target, path),
      ...checkTag(target, { path, ...check }),
      ...outside(at(path, "percent"), target.percent, { from: 0, to: 100 }),
      ...(target.url === undefined ? [] : [disallowed(at(path, "url"))]),
    ];
  });
  const sum = targets.reduce((total, { percent = 0 }) => total + percent, 0);
  const bad = sum === 100 ? [] : [wrong("spec.traffic", `Traffic targets sum to ${sum}, want 100`)];
  return [...each, ...checkTagsDiffer(targets), ...bad];
}

interface TargetCheck extends TrafficCheck {
  readonly path: string;
}

const WHOM = ["revisionName", "configurationName"] as const;

function checkWhom(target: TrafficTarget, { path, isOfService }: TargetCheck): Violation[] {
  const given = WHOM.filter((whom) => target[whom] !== undefined);
  if (isOfService && target.configurationName !== undefined) {
    return [disallowed(at(path, "configurationName"))];
  }
  if (!isOfService && given.length !== 1) return [...notExactlyOne(path, { given, ways: WHOM })];
  return given.flatMap((whom) => {
    const name = target[whom] ?? "";
    const why = whyBadName("dns1035", name);
    return why === undefined ? [] : [invalidKey(at(path, whom), name, why)];
  });
}

/** What has a name stays with it; what has none moves on with the latest. */
function checkLatest({ revisionName, latestRevision }: TrafficTarget, path: string): Violation[] {
  if (latestRevision === undefined || latestRevision === (revisionName === undefined)) return [];
  const named = `revisionName "${brief(revisionName ?? "")}"`;
  const message = `may not set ${named} when latestRevision is ${latestRevision}`;
  return [wrong(at(path, "latestRevision"), message)];
}

/** The host of a tag begins with the label `tag-name`, and DNS allows a label 63 characters. */
function checkTag({ tag }: TrafficTarget, { path, name }: TargetCheck): Violation[] {
  if (tag === undefined) return [];
  const field = at(path, "tag");
  const why = whyBadName("dns1035", tag);
  if (why !== undefined) {
    return [wrong(field, `not a DNS 1035 label: [${why}, not "${brief(tag)}"]`)];
  }
  const label = `${tag}-${name}`;
  if (label.length <= 63) return [];
  const made = `tag and name make the host label "${brief(label)}" of ${label.length} characters`;
  return [invalidValue(field, tag, `${made}, and 63 is the most`)];
}

function checkTagsDiffer(targets: readonly TrafficTarget[]): Violation[] {
  const places = new Map<string, number[]>();
  for (const [index, { tag }] of targets.entries()) {
    if (tag === undefined) continue;
    const found = places.get(tag) ?? [];
    found.push(index);
    places.set(tag, found);
  }
  return [...places].flatMap(([tag, indexes]) => {
    if (indexes.length === 1) return [];
    const fields = indexes.map((index) => at("spec.traffic", index, "tag"));
    return [wrong(together(fields), `Multiple definitions for "${brief(tag)}"`)];
  });
}
