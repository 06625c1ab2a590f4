import { STATUS_CODES } from "node:http";
import type { OnAnswer } from "../course.ts";
import type { Refusal } from "../refusal.ts";
import { linesOf } from "./coursing.ts";

export interface RefusingOptions {
  /** The client asks for JSON. */
  readonly isJson: boolean;
  readonly isHead: boolean;
  /** The connection ends with it. */
  readonly isLast: boolean;
  /** Policies of the host have a say in its head as well. */
  readonly onAnswer?: OnAnswer | undefined;
}

const WANTS_JSON = /\r\naccept:[^\r]*\bapplication\/(?:[\w.-]+\+)?json\b/i;

/** Whether a request, as its whole head, asks for JSON. */
export function wantsJson(head: string): boolean {
  return WANTS_JSON.test(head);
}

/** An answer of the gateway's own: a line of text, or problem details (RFC 9457). */
export function refusalText(refusal: Refusal, options: RefusingOptions): string {
  const { isJson, isHead, isLast, onAnswer } = options;
  const { code, detail, revision, retryAfterSeconds, headers: more = [] } = refusal;
  const body = isJson ? problemOf(refusal) : `${detail}\n`;
  const type = isJson ? "application/problem+json" : "text/plain; charset=utf-8";
  const headers = ["Content-Type", type, "Content-Length", String(Buffer.byteLength(body))];
  headers.push("X-Content-Type-Options", "nosniff", "Cache-Control", "no-store");
  if (revision !== undefined) headers.push("Varve-Revision", revision);
  if (retryAfterSeconds !== undefined) headers.push("Retry-After", String(retryAfterSeconds));
  if (code === 405) headers.push("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  headers.push(...more);
  onAnswer?.(code, headers)?.destroy();
  if (isLast) headers.push("Connection", "close");
  const line = `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ""}`;
  return `${line}\r\n${linesOf(headers)}\r\n${isHead ? "" : body}`;
}

function problemOf({ code, detail, host, revision, instance }: Refusal): string {
  const head = { type: "about:blank", title: STATUS_CODES[code], status: code, detail };
  // What is absent is left out by JSON.
  return `${JSON.stringify({ ...head, host, revision, instanceName: instance })}\n`;
}
