import { readDurationMs } from "./duration.ts";
import type { Match, TrafficPolicySpec, ValueMatch } from "./traffic_policy_schema.ts";
import { at, invalidValue, type Violation, wrong } from "./violation.ts";

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Queries are matched by `query`, and fragments are not sent at all. */
export function checkPath(field: string, path: string | undefined): readonly Violation[] {
  if (path === undefined || /^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/.test(path)) return [];
  const want = 'want a path as it is sent: it begins with "/", and has no space, "?" or "#"';
  return [invalidValue(field, path, want)];
}

/** A list that is empty would hold for nothing, or for all, and nobody writes it for that. */
export function checkSome(field: string, list: readonly unknown[] | undefined, what: string) {
  return list?.length === 0 ? [wrong(field, `expected at least one ${what}`, LEAVE_OUT)] : [];
}

const LEAVE_OUT = "or leave it out";

/** What is wrong with a match. Claims need a policy that checks tokens. */
export function checkMatch(
  match: Match,
  path: string,
  { jwt }: TrafficPolicySpec,
): readonly Violation[] {
  const { pathPrefix, methods = [], headers = [], cookies = [], query = [], claims = [] } = match;
  const named = (list: readonly { readonly name: string }[], key: string) =>
    list.flatMap(({ name }, index) => checkToken(at(path, key, index, "name"), name));
  const lists = ["methods", "headers", "cookies", "query", "claims"] as const;
  const noToken = "expected spec.jwt as well: only a token that was checked has claims";
  return [
    ...checkPath(at(path, "pathPrefix"), pathPrefix),
    ...checkPath(at(path, "path"), match.path),
    ...methods.flatMap((method, index) => checkMethod(at(path, "methods", index), method)),
    ...lists.flatMap((key) => checkSome(at(path, key), match[key], "of them")),
    ...(["headers", "cookies", "query", "claims"] as const).flatMap((key) =>
      checkValues(at(path, key), match[key] ?? []),
    ),
    ...named(headers, "headers"),
    ...named(cookies, "cookies"),
    ...query.flatMap(({ name }, index) =>
      name === "" ? [invalidValue(at(path, "query", index, "name"), name, "want a name")] : [],
    ),
    ...(claims.length > 0 && jwt === undefined ? [wrong(at(path, "claims"), noToken)] : []),
  ];
}

/** What a value must be, by its header, cookie, parameter or claim. */
export function checkValues(path: string, list: readonly ValueMatch[]): readonly Violation[] {
  const absent = "expected nothing beside present: false: what is not there has no value";
  return list.flatMap(({ exact, prefix, oneOf, present }, index) => {
    const hasValue = (exact ?? prefix ?? oneOf) !== undefined;
    return [
      ...checkSome(at(path, index, "oneOf"), oneOf, "value"),
      ...(present === false && hasValue ? [wrong(at(path, index), absent)] : []),
    ];
  });
}

function checkMethod(field: string, method: string): readonly Violation[] {
  if (/^[A-Z-]+$/.test(method)) return [];
  return [invalidValue(field, method, "want a method in capitals, such as GET")];
}

/** The name of a header or a cookie. */
export function checkToken(field: string, name: string | undefined): readonly Violation[] {
  if (name === undefined || TOKEN.test(name)) return [];
  return [invalidValue(field, name, "want a name without spaces or separators")];
}

/** A time that is not nothing, in Go's notation. */
export function checkTime(field: string, text: string): readonly Violation[] {
  const ms = readDurationMs(text);
  if (ms !== undefined && ms >= 1 && ms <= 24 * 3_600_000) return [];
  return [invalidValue(field, text, 'want a duration from "1ms" to "24h", such as "1m"')];
}
