import { nodeHttp } from "../base/node_http.ts";
import type { Refusal } from "./refusal.ts";

const WANTS_JSON = /\bapplication\/(?:[\w.-]+\+)?json\b/i;

export interface OwnAnswer {
  /** As a flat list of names and values. */
  readonly headers: string[];
  readonly body: string;
}

/** Whether a client asks for JSON, by its Accept header. */
export function wantsJson(accept: string | undefined): boolean {
  return WANTS_JSON.test(accept ?? "");
}

/**
 * An answer of the gateway's own: a line of text, or problem details (RFC 9457). Where there can
 * be no body there is none: on a connection that stays, it would be read as the next answer.
 */
export function answerOf(refusal: Refusal, isJson: boolean): OwnAnswer {
  const { code, detail, revision, retryAfterSeconds, headers: more = [] } = refusal;
  if (code === 204) return { headers: [...more], body: "" };
  const body = isJson ? problemOf(refusal) : `${detail}\n`;
  const type = isJson ? "application/problem+json" : "text/plain; charset=utf-8";
  const headers = ["Content-Type", type, "Content-Length", String(Buffer.byteLength(body))];
  headers.push("X-Content-Type-Options", "nosniff", "Cache-Control", "no-store");
  if (revision !== undefined) headers.push("Varve-Revision", revision);
  if (retryAfterSeconds !== undefined) headers.push("Retry-After", String(retryAfterSeconds));
  if (code === 405) headers.push("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  headers.push(...more);
  return { headers, body };
}

function problemOf({ code, detail, host, revision, instance }: Refusal): string {
  const head = { type: "about:blank", title: nodeHttp.STATUS_CODES[code], status: code, detail };
  // What is absent is left out by JSON.
  return `${JSON.stringify({ ...head, host, revision, instanceName: instance })}\n`;
}
