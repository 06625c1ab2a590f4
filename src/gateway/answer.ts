import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Clock } from "../base/clock.ts";
import type { OnAnswer } from "./course.ts";
import { LIMITS } from "./limits.ts";
import type { Refusal } from "./refusal.ts";

const WANTS_JSON = /\bapplication\/(?:[\w.-]+\+)?json\b/i;

/** Sends an answer of the gateway's own: a line of text, or problem details (RFC 9457). */
export function sendRefusal(
  req: IncomingMessage,
  res: ServerResponse,
  refusal: Refusal,
  onAnswer?: OnAnswer,
): void {
  const { headers, body } = refusalParts(req.headers.accept, refusal);
  onAnswer?.(refusal.code, headers);
  res.writeHead(refusal.code, STATUS_CODES[refusal.code] ?? "", headers);
  res.end(body);
}

/** What `sendRefusal` sends, for those who write it themselves: headers as a flat list. */
export function refusalParts(
  accept: string | undefined,
  refusal: Refusal,
): { readonly headers: string[]; readonly body: string } {
  const isJson = WANTS_JSON.test(accept ?? "");
  const body = isJson ? problemOf(refusal) : `${refusal.detail}\n`;
  const type = isJson ? "application/problem+json" : "text/plain; charset=utf-8";
  const headers = ["Content-Type", type, "Content-Length", String(Buffer.byteLength(body))];
  headers.push("X-Content-Type-Options", "nosniff", "Cache-Control", "no-store");
  const { revision, retryAfterSeconds, headers: more = [] } = refusal;
  if (revision !== undefined) headers.push("Varve-Revision", revision);
  if (retryAfterSeconds !== undefined) headers.push("Retry-After", String(retryAfterSeconds));
  headers.push(...more);
  return { headers, body };
}

function problemOf({ code, detail, host, revision, instance }: Refusal): string {
  const head = { type: "about:blank", title: STATUS_CODES[code], status: code, detail };
  // What is absent is left out by JSON.
  return `${JSON.stringify({ ...head, host, revision, instanceName: instance })}\n`;
}

/**
 * The rest of a body that was answered ahead of its end may still come, for a while, so that the
 * client gets to read the answer. `cut` is called when it did not come whole.
 */
export function linger(req: IncomingMessage, clock: Clock, cut = () => {}): void {
  if (req.complete) return;
  const timer = clock.after(LIMITS.lingerMs, () => {
    if (!req.complete) req.destroy();
  });
  req.once("close", () => {
    timer[Symbol.dispose]();
    if (!req.complete) cut();
  });
}

/** What Node's parser refuses never becomes a request; its connection ends with this. */
export function parserAnswer(code: string | undefined): string {
  if (code === "HPE_HEADER_OVERFLOW") return whole(431, "the headers are too large");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return whole(408, "the headers took too long");
  if (code === "HPE_CHUNK_EXTENSIONS_OVERFLOW") {
    return whole(413, "the chunk extensions are too large");
  }
  return whole(400, `not an HTTP/1.1 request: ${code ?? "it cannot be read"}`);
}

/** For connections that have no request: with `CONNECT`, and when one cannot be read. */
export function whole(code: number, detail: string): string {
  const body = `${detail}\n`;
  const head = `HTTP/1.1 ${code} ${STATUS_CODES[code]}`;
  const type = "Content-Type: text/plain; charset=utf-8";
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  return [head, type, length, "Connection: close", "", body].join("\r\n");
}
