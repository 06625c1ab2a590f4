import { whyBadName } from "./name.ts";
import { checkGuards } from "./traffic_guards_check.ts";
import { checkMatch, checkPath, checkToken } from "./traffic_match_check.ts";
import type { Match, PolicyRule, StickyBy, TrafficPolicySpec } from "./traffic_policy_schema.ts";
import { at, invalidValue, notExactlyOne, outside, type Violation, wrong } from "./violation.ts";

const RULES_MAX = 100;
const HOST =
  /^(?=.{1,253}$)(\*\.)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+$/;

/** What is wrong with a policy that its schema cannot say. */
export function checkPolicy(spec: TrafficPolicySpec): readonly Violation[] {
  const { hosts = [], rules = [], sticky, mirrors = [] } = spec;
  return [
    ...hosts.flatMap((host, index) => checkHost(at("spec.hosts", index), host)),
    ...twice(hosts, (index) => at("spec.hosts", index), "it is in this list already"),
    ...tooMany("spec.rules", rules.length),
    ...tooMany("spec.hosts", hosts.length),
    ...rules.flatMap((rule, index) => checkRule(rule, at("spec.rules", index), spec)),
    ...twice(
      rules.map(({ name }) => name),
      (index) => at("spec.rules", index, "name"),
      "another rule has this name: rules are told apart by theirs",
    ),
    ...(sticky === undefined ? [] : checkSticky(sticky, spec)),
    ...mirrors.flatMap((mirror, index) => {
      const path = at("spec.mirrors", index);
      const tenths = mirror.percent * 10;
      const isFine = Math.abs(tenths - Math.round(tenths)) < 1e-6;
      const step = "want steps of 0.1";
      return [
        ...checkTarget({ ...mirror, path, ways: ["tag", "revision"] }),
        ...outside(at(path, "percent"), mirror.percent, { from: 0.1, to: 100 }),
        ...(isFine ? [] : [invalidValue(at(path, "percent"), mirror.percent, step)]),
      ];
    }),
    ...tooMuch(mirrors.reduce((sum, { percent }) => sum + percent, 0)),
    ...checkGuards(spec),
  ];
}

function tooMuch(percent: number): readonly Violation[] {
  if (percent <= 100 + 1e-6) return [];
  const why = "of one request there is one copy at most";
  return [wrong("spec.mirrors", `expected at most 100 percent in all, got ${percent}`, why)];
}

function tooMany(field: string, count: number): readonly Violation[] {
  if (count <= RULES_MAX) return [];
  return [wrong(field, `expected at most ${RULES_MAX} of them, got ${count}`)];
}

function twice(
  names: readonly string[],
  fieldOf: (index: number) => string,
  why: string,
): readonly Violation[] {
  return names.flatMap((name, index) =>
    names.indexOf(name) === index ? [] : [invalidValue(fieldOf(index), name, why)],
  );
}

function checkHost(field: string, host: string): readonly Violation[] {
  if (HOST.test(host)) return [];
  const want = 'want a DNS name in lower case with a dot, such as "shop.example.com"';
  return [invalidValue(field, host, `${want}, or "*." and such a name`)];
}

function checkRule(rule: PolicyRule, path: string, spec: TrafficPolicySpec): readonly Violation[] {
  const { name, match, to, rewritePrefix } = rule;
  const isEmpty = Object.keys(match).length === 0;
  const all = "it would match every request: that is what the traffic of the Route is for";
  return [
    ...(name === "" ? [invalidValue(at(path, "name"), name, "want a name")] : []),
    ...(isEmpty ? [wrong(at(path, "match"), "expected something to match", all)] : []),
    ...checkMatch(match, at(path, "match"), spec),
    ...checkTarget({ ...to, path: at(path, "to"), ways: ["tag", "revision", "route"] }),
    ...checkRewrite(rewritePrefix, { path, match }),
  ];
}

function checkRewrite(
  rewritePrefix: string | undefined,
  { path, match }: { readonly path: string; readonly match: Match },
): readonly Violation[] {
  if (rewritePrefix === undefined) return [];
  const field = at(path, "rewritePrefix");
  if (match.pathPrefix === undefined) {
    return [wrong(field, "expected match.pathPrefix as well: it is what is replaced")];
  }
  return checkPath(field, rewritePrefix);
}

interface Target {
  readonly path: string;
  readonly ways: readonly ("tag" | "revision" | "route")[];
  readonly tag?: string;
  readonly revision?: string;
  readonly route?: string;
}

function checkTarget({ path, ways, ...target }: Target): readonly Violation[] {
  const given = ways.filter((way) => target[way] !== undefined);
  if (given.length !== 1) return notExactlyOne(path, { given, ways });
  return given.flatMap((way) => {
    const name = target[way] ?? "";
    const why = whyBadName("dns1035", name);
    return why === undefined ? [] : [invalidValue(at(path, way), name, why)];
  });
}

const STICKY = ["header", "cookie", "claim", "clientAddress"] as const;

function checkSticky(sticky: StickyBy, { jwt }: TrafficPolicySpec): readonly Violation[] {
  const path = "spec.sticky";
  const given = STICKY.filter((way) => sticky[way] !== undefined);
  const noToken = "expected spec.jwt as well: only a token that was checked has claims";
  const noCookie = "expected cookie as well: it is what is issued";
  return [
    ...notExactlyOne(path, { given, ways: STICKY }),
    ...checkToken(at(path, "header"), sticky.header),
    ...checkToken(at(path, "cookie"), sticky.cookie),
    ...(sticky.clientAddress === false
      ? [invalidValue(at(path, "clientAddress"), false, "want true, or leave it out")]
      : []),
    ...(sticky.claim !== undefined && jwt === undefined ? [wrong(at(path, "claim"), noToken)] : []),
    ...(sticky.issue !== undefined && sticky.cookie === undefined
      ? [wrong(at(path, "issue"), noCookie)]
      : []),
  ];
}
