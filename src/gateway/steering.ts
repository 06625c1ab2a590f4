import type { Match } from "../api/traffic_policy_schema.ts";
import type { Backend } from "./backend.ts";
import type { Asked, FlatHeaders } from "./course.ts";
import { removeHeader } from "./course.ts";
import type { Draw } from "./draw.ts";
import { type Claims, claimOf, cookieOf, matches, rewritten } from "./match.ts";
import { pickBackend } from "./pick.ts";
import type { StickySpec } from "./route_table.ts";
import { pointOf } from "./sticky.ts";

/** What decides before the split does, as compiled by `compile.ts`. */
export interface Steering {
  readonly override: ReadonlyMap<string, Backend> | undefined;
  readonly tags: ReadonlyMap<string, Backend> | undefined;
  readonly rules: readonly SteeringRule[] | undefined;
  readonly sticky: Sticky | undefined;
  readonly mirrors: readonly Mirrored[] | undefined;
}

export interface SteeringRule {
  readonly why: string;
  readonly match: Match;
  readonly draw: Draw;
  readonly rewritePrefix: string | undefined;
}

export interface Sticky {
  readonly spec: StickySpec;
  readonly salt: number;
  readonly backends: readonly Backend[];
  /** Of each point, the index of its backend. */
  readonly points: Uint16Array;
}

/** Copies are due when a thousand thousandths of them have come together. */
export interface Mirrored {
  readonly backend: Backend;
  readonly perMille: number;
  due: number;
}

/** Where one request goes. */
export interface Steered {
  readonly backend: Backend;
  readonly why: string;
  readonly target: string | undefined;
  readonly onRequest: ((headers: FlatHeaders) => void) | undefined;
  /** For the client to keep, so that it comes to the same revision again. */
  readonly cookie: string | undefined;
}

export interface SteerParts {
  readonly draw: Draw;
  readonly claims: Claims | undefined;
  /** The client's own address, behind the proxies that are trusted. */
  readonly client: string;
  /** The client asks over TLS, of us or of a proxy that is trusted. */
  readonly isSecure: boolean;
  /** Makes a key for one who has none. */
  readonly newKey: () => string;
}

const OVERRIDE = "varve-revision";
const TAG = "knative-serving-tag";
const DEFAULT_ROUTE = "Knative-Serving-Default-Route";
const COOKIE = "varve-key";
const COOKIE_SECONDS = 365 * 24 * 3600;

/** Finds the revision for one request: by name, by rule, by key, or by the split. */
export function steer(steering: Steering, asked: Asked, parts: SteerParts): Steered {
  const { override, tags, rules } = steering;
  const wanted = override === undefined ? undefined : asked.header(OVERRIDE);
  const named = wanted === undefined ? undefined : override?.get(wanted);
  if (named !== undefined) {
    return { backend: named, why: `header Varve-Revision: ${wanted}`, ...NOTHING };
  }
  const tag = tags === undefined ? undefined : asked.header(TAG);
  const tagged = tag === undefined ? undefined : tags?.get(tag);
  if (tagged !== undefined) {
    return { backend: tagged, why: `header Knative-Serving-Tag: ${tag}`, ...NOTHING };
  }
  const rule = rules?.find(({ match }) => matches(match, asked, parts.claims));
  if (rule !== undefined) return byRule(rule, asked);
  const onRequest = tags === undefined ? undefined : markDefault;
  return { ...bySplit(steering, asked, parts), onRequest };
}

const NOTHING = { target: undefined, onRequest: undefined, cookie: undefined };

function byRule({ why, match, draw, rewritePrefix }: SteeringRule, asked: Asked): Steered {
  const { pathPrefix = "/" } = match;
  const isRewritten = rewritePrefix !== undefined && asked.target.startsWith("/");
  const target = isRewritten ? rewritten(asked.target, pathPrefix, rewritePrefix) : undefined;
  return { backend: pickBackend(turnsOf(asked, draw)), why, ...NOTHING, target };
}

/** Whose turns a request takes: one that nobody has sent takes none. */
export function turnsOf(asked: Asked, draw: Draw): Draw {
  return asked.isTrial === true ? { ...draw } : draw;
}

function bySplit({ sticky }: Steering, asked: Asked, parts: SteerParts): Steered {
  if (sticky === undefined) return { backend: pickBackend(parts.draw), why: "split", ...NOTHING };
  const { spec } = sticky;
  const key = keyOf(spec, asked, parts);
  const name = spec.name ?? COOKIE;
  const what = spec.by === "client" ? "client address" : `${spec.by} "${name}"`;
  if (key !== undefined) {
    const backend = backendAt(sticky, key);
    return { backend, why: `sticky by ${what}, point ${pointOf(key, sticky.salt)}`, ...NOTHING };
  }
  if (spec.isIssued !== true) {
    return { backend: pickBackend(parts.draw), why: `split, for want of the ${what}`, ...NOTHING };
  }
  const issued = parts.newKey();
  const rest = `Path=/; Max-Age=${COOKIE_SECONDS}; HttpOnly; SameSite=Lax`;
  const cookie = `${name}=${issued}; ${rest}${parts.isSecure ? "; Secure" : ""}`;
  const why = `sticky by a new ${what}, point ${pointOf(issued, sticky.salt)}`;
  return { backend: backendAt(sticky, issued), why, ...NOTHING, cookie };
}

function keyOf(spec: StickySpec, asked: Asked, parts: SteerParts): string | undefined {
  const { by, name = COOKIE } = spec;
  if (by === "client") return parts.client;
  const key =
    by === "header"
      ? asked.header(name)
      : by === "cookie"
        ? cookieOf(asked, name)
        : claimOf(parts.claims, name);
  // One that is empty would send all who have it to one revision.
  return key === "" ? undefined : key;
}

function backendAt({ backends, points, salt }: Sticky, key: string): Backend {
  return backends[points[pointOf(key, salt)] as number] as Backend;
}

/** Tells the instance that no tag decided; a client cannot say so itself. */
function markDefault(headers: FlatHeaders): void {
  removeHeader(headers, DEFAULT_ROUTE.toLowerCase());
  headers.push(DEFAULT_ROUTE, "true");
}

/** Whose turn it is to get a copy of the next request, if it is anybody's. */
export function pickMirror(mirrors: readonly Mirrored[], asked: Asked): Backend | undefined {
  if (asked.isTrial === true) {
    return mirrors.find(({ due, perMille }) => due + perMille >= 1000)?.backend;
  }
  let chosen: Backend | undefined;
  for (const mirrored of mirrors) {
    mirrored.due += mirrored.perMille;
    if (mirrored.due < 1000 || chosen !== undefined) continue;
    mirrored.due -= 1000;
    chosen = mirrored.backend;
  }
  return chosen;
}
