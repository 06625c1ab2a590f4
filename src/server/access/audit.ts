import type { Caller } from "../context.ts";
import type { Attributes } from "./attributes.ts";

/** What is written down of one request: who did what, and how it went. Never what was in it. */
export interface AuditEntry {
  /** RFC 3339, of when it came. */
  readonly time: string;
  readonly id: string;
  readonly address: string;
  /** Nobody, when it could not be said who it is. */
  readonly caller: Caller | undefined;
  /** Who acted as the caller. */
  readonly impersonator: Caller | undefined;
  readonly asked: Attributes;
  readonly decision: "allow" | "forbid" | "unauthenticated" | "limited";
  readonly code: number;
  /** One word, such as `NotFound`, when it failed. */
  readonly reason: string | undefined;
  readonly tookMs: number;
}

/** Where requests are written down. Must not throw, and must not keep anybody waiting. */
export type Audit = (entry: AuditEntry) => void;

/** One line of JSON, without its end. Names are cut: a line is never long. */
export function auditLine(entry: AuditEntry): string {
  const { time, id, address, caller, impersonator, asked, decision, code, reason, tookMs } = entry;
  const { verb, path, apiGroup, resource, subresource, namespace, name } = asked;
  const object =
    resource === undefined
      ? { path: short(path) }
      : { apiGroup, resource, subresource, namespace: short(namespace), name: short(name) };
  return JSON.stringify({
    ...{
      time,
      id,
      user: short(caller?.user),
      groups: caller?.groups.slice(0, GROUPS_MAX).map(short),
    },
    ...(impersonator !== undefined && { impersonatedBy: short(impersonator.user) }),
    ...{ address, verb, object, decision, code },
    outcome: code < 400 ? "success" : "failure",
    ...{ reason, tookMs: Math.round(tookMs * 10) / 10 },
  });
}

const CHARS_MAX = 256;
const GROUPS_MAX = 32;

function short(text: string | undefined): string | undefined {
  return text !== undefined && text.length > CHARS_MAX ? `${text.slice(0, CHARS_MAX)}…` : text;
}
