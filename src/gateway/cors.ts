import type { Cors } from "../api/traffic_policy_schema.ts";
import { type Asked, type FlatHeaders, removeHeader } from "./course.ts";
import type { Refusal } from "./refusal.ts";
import { originRefused } from "./refusals_of_policy.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const ALLOW_ORIGIN = "Access-Control-Allow-Origin";

/** The answer to a browser that asks whether it may ask; nothing when that is not the question. */
export function preflightOf(cors: Cors, asked: Asked): Refusal | undefined {
  const origin = asked.header("origin");
  const wanted = asked.header("access-control-request-method");
  if (asked.method !== "OPTIONS" || origin === undefined || wanted === undefined) return undefined;
  if (!isAllowed(cors, origin)) return { ...originRefused(origin), headers: ["Vary", "Origin"] };
  const headers = originHeaders(cors, origin);
  const asks = asked.header("access-control-request-headers");
  const { allowMethods = METHODS, allowHeaders, maxAgeSeconds } = cors;
  headers.push("Access-Control-Allow-Methods", allowMethods.join(", "));
  const names = allowHeaders?.join(", ") ?? asks;
  if (names !== undefined) headers.push("Access-Control-Allow-Headers", names);
  if (maxAgeSeconds !== undefined) headers.push("Access-Control-Max-Age", String(maxAgeSeconds));
  return { code: 204, detail: "", headers };
}

/** Tells the browser who may read the answer, whatever the instance says of that. */
export function addCors(cors: Cors, origin: string | undefined, headers: FlatHeaders): void {
  for (const name of ["origin", "credentials", "expose-headers"]) {
    const prefix = name === "expose-headers" ? "access-control-" : "access-control-allow-";
    removeHeader(headers, `${prefix}${name}`);
  }
  if (origin === undefined || !isAllowed(cors, origin)) {
    headers.push("Vary", "Origin");
    return;
  }
  headers.push(...originHeaders(cors, origin));
  const { exposeHeaders = [] } = cors;
  if (exposeHeaders.length > 0)
    headers.push("Access-Control-Expose-Headers", exposeHeaders.join(", "));
}

function originHeaders({ allowOrigins, allowCredentials }: Cors, origin: string): string[] {
  const isAny = allowOrigins.includes("*") && allowCredentials !== true;
  const headers = isAny ? [ALLOW_ORIGIN, "*"] : [ALLOW_ORIGIN, origin, "Vary", "Origin"];
  if (allowCredentials === true) headers.push("Access-Control-Allow-Credentials", "true");
  return headers;
}

function isAllowed({ allowOrigins }: Cors, origin: string): boolean {
  return allowOrigins.some((allowed) => {
    if (allowed === "*" || allowed === origin) return true;
    const [scheme = "", end] = allowed.split("*");
    if (end === undefined) return false;
    const middle = origin.slice(scheme.length, origin.length - end.length);
    const isBetween = origin.startsWith(scheme) && origin.endsWith(end);
    return isBetween && /^[a-z0-9.-]+$/.test(middle);
  });
}
