import type { Redirect } from "../api/traffic_policy_schema.ts";
import type { Asked } from "./course.ts";
import { matches, rewritten } from "./match.ts";
import type { Refusal } from "./refusal.ts";

const CODE = 308;

/** The answer that sends a client elsewhere, by the first redirect that is for its request. */
export function redirectOf(
  redirects: readonly Redirect[],
  asked: Asked,
  scheme: string,
): Refusal | undefined {
  for (const redirect of redirects) {
    const { match, code = CODE } = redirect;
    if (match !== undefined && !matches(match, asked, undefined)) continue;
    const location = locationOf(redirect, asked, scheme);
    if (location === undefined) continue;
    return { code, detail: `it is at ${location} (redirects)`, headers: ["Location", location] };
  }
  return undefined;
}

/** Nothing when that is where the client is already. */
function locationOf(redirect: Redirect, asked: Asked, scheme: string): string | undefined {
  const authority = asked.header("host") ?? asked.host;
  const isOther = redirect.scheme !== undefined && redirect.scheme !== scheme;
  // The port of one scheme is not that of the other.
  const host = redirect.host ?? (isOther ? asked.host : authority);
  const target = targetOf(redirect, asked.target);
  const location = `${redirect.scheme ?? scheme}://${host}${target}`;
  return location === `${scheme}://${authority}${asked.target}` ? undefined : location;
}

function targetOf({ path, match }: Redirect, target: string): string {
  if (!target.startsWith("/")) return "/";
  if (path === undefined) return target;
  if (match?.pathPrefix !== undefined) return rewritten(target, match.pathPrefix, path);
  const query = target.indexOf("?");
  if (query < 0) return path;
  return `${path}${path.includes("?") ? "&" : "?"}${target.slice(query + 1)}`;
}
