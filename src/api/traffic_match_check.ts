import { readDurationMs } from "./duration.ts";
import type { Violation } from "./kind.ts";
import type { Match, TrafficPolicySpec } from "./traffic_policy_schema.ts";
import { at, invalidValue, wrong } from "./violation.ts";

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export function checkPath(field: string, path: string | undefined): readonly Violation[] {
  if (path === undefined || /^\/[\x21-\x7e]*$/.test(path)) return [];
  return [invalidValue(field, path, 'want a path as it is sent, which begins with "/"')];
}

/** What is wrong with a match. Claims need a policy that checks tokens. */
export function checkMatch(
  match: Match,
  path: string,
  { jwt }: TrafficPolicySpec,
): readonly Violation[] {
  const { pathPrefix, methods = [], headers = [], cookies = [], query = [], claims = [] } = match;
  const named = (list: readonly { readonly name: string }[], key: string) =>
    list.flatMap(({ name }, index) => checkToken(at(path, key, index, "name"), name));
  const noToken = "expected spec.jwt as well: only a token that was checked has claims";
  return [
    ...checkPath(at(path, "pathPrefix"), pathPrefix),
    ...checkPath(at(path, "path"), match.path),
    ...methods.flatMap((method, index) => checkMethod(at(path, "methods", index), method)),
    ...named(headers, "headers"),
    ...named(cookies, "cookies"),
    ...query.flatMap(({ name }, index) =>
      name === "" ? [invalidValue(at(path, "query", index, "name"), name, "want a name")] : [],
    ),
    ...(claims.length > 0 && jwt === undefined ? [wrong(at(path, "claims"), noToken)] : []),
  ];
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
