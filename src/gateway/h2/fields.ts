import type { Outgoing } from "../caller.ts";

/** Those that speak of one connection of HTTP/1.1, and mean nothing in HTTP/2 (RFC 9113, 8.2.2). */
const OF_HTTP1 = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Without a value of their own, answers of these codes have no body. */
export function isBodiless(method: string, code: number): boolean {
  return method === "HEAD" || code === 204 || code === 304;
}

/** What an instance of HTTP/2 is sent for a request, from the headers that one of 1.1 would be. */
export function streamRequest(outgoing: Outgoing): string[] {
  const { method, target, authority } = outgoing;
  const fields = [":method", method, ":scheme", "http", ":authority", authority, ":path", target];
  addFields(fields, outgoing.headers());
  return fields;
}

function addFields(fields: string[], headers: readonly string[]): void {
  for (let at = 0; at < headers.length; at += 2) {
    const name = (headers[at] ?? "").toLowerCase();
    const value = headers[at + 1] ?? "";
    if (OF_HTTP1.has(name) || name.startsWith(":")) continue;
    if (name === "te") fields.push(name, "trailers");
    else fields.push(name, value);
  }
}

/** Trailers, or fields of an informational answer, as Node's HTTP/2 wants them. */
export function fieldsObject(pairs: readonly (readonly [string, string])[]) {
  const fields: Record<string, string | string[]> = {};
  for (const [raw, value] of pairs) {
    const name = raw.toLowerCase();
    if (OF_HTTP1.has(name) || name === "te" || name.startsWith(":")) continue;
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else fields[name] = [...(Array.isArray(before) ? before : [before]), value];
  }
  return fields;
}

/** Without the pseudo-headers, which come first. */
export function plainFields(fields: readonly string[]): string[] {
  let from = 0;
  while ((fields[from] ?? "").startsWith(":")) from += 2;
  return fields.slice(from);
}
