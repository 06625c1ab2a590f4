import type { Match, ValueMatch } from "../api/traffic_policy_schema.ts";
import type { Asked } from "./course.ts";

/** What a token says that a policy has checked. */
export type Claims = Readonly<Record<string, unknown>>;

/** Whether all that a rule asks for holds. */
export function matches(match: Match, asked: Asked, claims: Claims | undefined): boolean {
  const { pathPrefix, path, methods, headers, cookies, query } = match;
  if (pathPrefix !== undefined && !isUnder(pathOf(asked.target), pathPrefix)) return false;
  if (path !== undefined && pathOf(asked.target) !== path) return false;
  if (methods !== undefined && !methods.includes(asked.method)) return false;
  if (headers !== undefined && !all(headers, (name) => asked.header(name.toLowerCase())))
    return false;
  if (cookies !== undefined && !all(cookies, cookieFrom(asked))) return false;
  if (query !== undefined && !all(query, queryFrom(asked))) return false;
  return match.claims?.every((it) => isClaimed(it, claims)) ?? true;
}

/** Without the query; a target that is no path has none. */
export function pathOf(target: string): string {
  const end = target.indexOf("?");
  return end < 0 ? target : target.slice(0, end);
}

/** "/api" has "/api" and "/api/x" under it, and not "/apix". */
function isUnder(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return prefix.endsWith("/") || path.length === prefix.length || path[prefix.length] === "/";
}

/**
 * The target with another prefix in the place of the one that matched. Both are whole elements,
 * whether they end in "/" or not: with "/v1" in the place of "/", "/x" is "/v1/x".
 */
export function rewritten(target: string, prefix: string, replacement: string): string {
  const rest = target.slice(bare(prefix).length);
  return `${rest.startsWith("/") ? bare(replacement) : replacement}${rest}`;
}

function bare(prefix: string): string {
  return prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
}

function all(matches: readonly ValueMatch[], find: (name: string) => string | undefined): boolean {
  return matches.every((match) => isMatched(match, find(match.name)));
}

/** Whether a value, or its absence, is what is asked for. */
export function isMatched(match: ValueMatch, value: string | undefined): boolean {
  if (value === undefined) return match.present === false;
  if (match.present === false) return false;
  if (match.exact !== undefined && value !== match.exact) return false;
  if (match.prefix !== undefined && !value.startsWith(match.prefix)) return false;
  return match.oneOf === undefined || match.oneOf.includes(value);
}

/** A cookie of the request: the first of its name, as RFC 6265 orders them. */
export function cookieOf(asked: Asked, name: string): string | undefined {
  const header = asked.header("cookie");
  if (header === undefined) return undefined;
  for (let from = 0; from < header.length; ) {
    const end = endOf(header, from);
    const equals = header.indexOf("=", from);
    if (equals >= 0 && equals < end && header.slice(from, equals).trim() === name) {
      return header.slice(equals + 1, end).trim();
    }
    from = end + 1;
  }
  return undefined;
}

/** HTTP/2 may send each cookie by itself, and then they are joined by commas. */
function endOf(header: string, from: number): number {
  const semicolon = header.indexOf(";", from);
  return semicolon < 0 ? header.length : semicolon;
}

function cookieFrom(asked: Asked): (name: string) => string | undefined {
  return (name) => cookieOf(asked, name);
}

function queryFrom({ target }: Asked): (name: string) => string | undefined {
  const start = target.indexOf("?");
  const parameters = new URLSearchParams(start < 0 ? "" : target.slice(start + 1));
  return (name) => parameters.get(name) ?? undefined;
}

/** Whether a claim is what is asked for; of a list, such as of groups, one that is will do. */
export function isClaimed(match: ValueMatch, claims: Claims | undefined): boolean {
  const values = valuesOf(claims, match.name);
  if (values.length === 0) return isMatched(match, undefined);
  return values.some((value) => isMatched(match, value));
}

/** A claim as text, also inside of objects: "org.id"; a list with commas between. */
export function claimOf(claims: Claims | undefined, name: string): string | undefined {
  const values = valuesOf(claims, name);
  return values.length === 0 ? undefined : values.join(", ");
}

/** What is neither text nor number, nor a list of such, has none. */
function valuesOf(claims: Claims | undefined, name: string): readonly string[] {
  if (claims === undefined) return [];
  const found = Object.hasOwn(claims, name) ? claims[name] : inside(claims, name.split("."));
  const list: readonly unknown[] = Array.isArray(found) ? found : [found];
  return list.filter((it) => PLAIN.includes(typeof it)).map(String);
}

const PLAIN: readonly string[] = ["string", "number", "boolean"];

function inside(claims: Claims, steps: readonly string[]): unknown {
  return steps.reduce<unknown>((value, step) => {
    const isObject = typeof value === "object" && value !== null && Object.hasOwn(value, step);
    return isObject ? (value as Claims)[step] : undefined;
  }, claims);
}
