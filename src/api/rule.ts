import { t, type Value } from "../base/schema.ts";
import { at, type Violation } from "./violation.ts";

const strings = t.Optional(t.Array(t.String()));

/** What may be done to what: verbs on resources, or on paths that are no resources. */
export const policyRule = t.Object({
  verbs: t.Array(t.String()),
  apiGroups: strings,
  resources: strings,
  /** These alone; all when left out. */
  resourceNames: strings,
  nonResourceURLs: strings,
});

export type PolicyRule = Value<typeof policyRule>;

/** All of everything. */
export const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

/** What is wrong with the rules of a Role, which has a namespace, or of a ClusterRole. */
export function checkRules(
  rules: readonly PolicyRule[] = [],
  { isNamespaced }: { readonly isNamespaced: boolean },
): readonly Violation[] {
  return rules.flatMap((rule, index) =>
    checkRule(rule, { isNamespaced, path: at("rules", index) }),
  );
}

interface Place {
  readonly isNamespaced: boolean;
  readonly path: string;
}

function checkRule(rule: PolicyRule, { isNamespaced, path }: Place): readonly Violation[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const noVerbs =
    verbs.length > 0 ? [] : [required(at(path, "verbs"), "verbs must contain at least one value")];
  if (nonResourceURLs.length > 0) {
    const isMixed = apiGroups.length + resources.length + resourceNames.length > 0;
    const why = isNamespaced
      ? "namespaced rules cannot apply to non-resource URLs"
      : "rules cannot apply to both regular resources and non-resource URLs";
    if (!isNamespaced && !isMixed) return noVerbs;
    return [...noVerbs, bad(at(path, "nonResourceURLs"), nonResourceURLs, why)];
  }
  const must = (field: string, what: string, list: readonly string[]) =>
    list.length > 0
      ? []
      : [required(at(path, field), `resource rules must supply at least one ${what}`)];
  return [
    ...noVerbs,
    ...must("apiGroups", "api group", apiGroups),
    ...must("resources", "resource", resources),
  ];
}

function required(field: string, why: string): Violation {
  return { field, message: `Required value: ${why}`, reason: "FieldValueRequired" };
}

function bad(field: string, value: unknown, why: string): Violation {
  const message = `Invalid value: ${JSON.stringify(value)}: ${why}`;
  return { field, message, reason: "FieldValueInvalid" };
}
