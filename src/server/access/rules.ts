import type { PolicyRule } from "../../api/rule.ts";
import type { Attributes } from "./attributes.ts";

/** Whether a rule allows what is asked for. Nothing that no rule allows may be done. */
export function allows(rule: PolicyRule, asked: Attributes): boolean {
  if (!has(rule.verbs, asked.verb)) return false;
  const { resource, apiGroup = "", subresource, name } = asked;
  if (resource === undefined) return hasPath(rule.nonResourceURLs, asked.path);
  return (
    has(rule.apiGroups, apiGroup) &&
    hasResource(rule.resources, resource, subresource) &&
    hasName(rule.resourceNames, name)
  );
}

function has(words: readonly string[] | undefined, word: string): boolean {
  return words?.some((it) => it === "*" || it === word) ?? false;
}

/** "*" is all there is; "*" with a subresource is that of every resource. */
function hasResource(
  resources: readonly string[] = [],
  resource: string,
  subresource: string | undefined,
): boolean {
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
  const part = subresource === undefined ? undefined : `*/${subresource}`;
  return resources.some((it) => it === "*" || it === whole || it === part);
}

/** No names are all names. */
function hasName(names: readonly string[] = [], name = ""): boolean {
  return names.length === 0 || names.includes(name);
}

function hasPath(paths: readonly string[] = [], path: string): boolean {
  return paths.some((it) => {
    return it === "*" || it === path || (it.endsWith("*") && path.startsWith(it.slice(0, -1)));
  });
}

/** More pieces than these are not looked at: whoever has less than all of it is refused. */
const PIECES_MAX = 20_000;

/**
 * What of `wanted` is not allowed by `held`: only rules that come to nothing new can be granted
 * by somebody who holds less than everything.
 */
export function missingFrom(
  held: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): readonly PolicyRule[] {
  let left = PIECES_MAX;
  return wanted.flatMap((rule) => {
    if (held.some((it) => covers(it, rule))) return [];
    const missing: PolicyRule[] = [];
    for (const piece of piecesOf(rule)) {
      left -= 1;
      if (left < 0) return [rule];
      if (!held.some((it) => covers(it, piece))) missing.push(piece);
    }
    return missing;
  });
}

/** One verb, one group, one resource and one name at a time. */
function* piecesOf(rule: PolicyRule): Iterable<PolicyRule> {
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) yield { verbs: [verb], nonResourceURLs: [url] };
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const piece = { verbs: [verb], apiGroups: [group], resources: [resource] };
        const names = rule.resourceNames ?? [];
        if (names.length === 0) yield piece;
        for (const name of names) yield { ...piece, resourceNames: [name] };
      }
    }
  }
}

/** Whether all that `rule` allows, `held` alone allows. */
function covers(held: PolicyRule, rule: PolicyRule): boolean {
  const { resourceNames: names = [], nonResourceURLs: urls = [], resources = [] } = rule;
  const heldNames = held.resourceNames ?? [];
  return (
    hasAll(held.verbs, rule.verbs) &&
    hasAll(held.apiGroups, rule.apiGroups) &&
    resources.every((it) => coversResource(held.resources, it)) &&
    urls.every((it) => hasPath(held.nonResourceURLs, it)) &&
    (heldNames.length === 0 ||
      (names.length > 0 && names.every((name) => heldNames.includes(name))))
  );
}

function hasAll(held: readonly string[] = [], words: readonly string[] = []): boolean {
  return held.includes("*") || words.every((word) => held.includes(word));
}

function coversResource(held: readonly string[] = [], resource: string): boolean {
  const at = resource.indexOf("/");
  return hasResource(
    held,
    at < 0 ? resource : resource.slice(0, at),
    at < 0 ? undefined : resource.slice(at + 1),
  );
}

/** A rule in the words of Kubernetes' refusals: `{APIGroups:[""], Resources:["pods"], …}`. */
export function ruleText(rule: PolicyRule): string {
  const parts = [
    ["APIGroups", rule.apiGroups],
    ["Resources", rule.resources],
    ["NonResourceURLs", rule.nonResourceURLs],
    ["ResourceNames", rule.resourceNames],
    ["Verbs", rule.verbs],
  ] as const;
  const said = parts.filter(([, words = []]) => words.length > 0);
  return `{${said.map(([name, words = []]) => `${name}:${quotedList(words)}`).join(", ")}}`;
}

export function quotedList(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(" ")}]`;
}
