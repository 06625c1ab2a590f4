import { badRequest, type Refusal } from "../refusal.ts";
import { hostOf, type Inbound } from "../request.ts";

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

/** Reads the head of a stream, whose form Node's HTTP/2 has checked. */
export function readStreamHead(fields: readonly string[], hasBody: boolean): Inbound | Refusal {
  const pseudo = new Map<string, string>();
  const rawHeaders: string[] = [];
  const cookies: string[] = [];
  const hosts: string[] = [];
  let hasLength = false;
  for (let at = 0; at < fields.length; at += 2) {
    const [name = "", value = ""] = [fields[at], fields[at + 1]];
    if (name.startsWith(":")) pseudo.set(name, value);
    else if (name === "cookie") cookies.push(value);
    else if (name === "host") hosts.push(value);
    else rawHeaders.push(name, value);
    if (name === "content-length") hasLength = true;
  }
  // Clients split this one for the sake of compression; HTTP/1.1 has it once (RFC 9113, 8.2.3).
  if (cookies.length > 0) rawHeaders.push("cookie", cookies.join("; "));
  const method = pseudo.get(":method") ?? "GET";
  if (method === "CONNECT") {
    return { code: 405, detail: "this is not a proxy: CONNECT is not allowed" };
  }
  const target = pseudo.get(":path") ?? "";
  if (!target.startsWith("/") && target !== "*") {
    return badRequest(`:path must begin with "/": "${target}"`);
  }
  const authority = pseudo.get(":authority") ?? hosts[0];
  if (authority === undefined) return badRequest("there is neither :authority nor Host");
  const other = hosts.find((host) => host.toLowerCase() !== authority.toLowerCase());
  if (other !== undefined) {
    return badRequest(`Host and :authority must agree: "${other}" and "${authority}"`);
  }
  const host = hostOf(authority);
  if (host === undefined) return badRequest(`"${authority}" is not a host`);
  const isChunked = hasBody && !hasLength;
  const head = { method, target, authority, rawHeaders, hasBody, isChunked, host };
  return { ...head, upgrade: undefined };
}

/** What an instance of HTTP/2 is sent for a request, from the headers that one of 1.1 would be. */
export function streamRequest(head: Inbound, headers: readonly string[], scheme: string): string[] {
  const { method, target, authority } = head;
  const fields = [":method", method, ":scheme", scheme, ":authority", authority, ":path", target];
  addFields(fields, headers);
  return fields;
}

/** What a client of HTTP/2 is sent for an answer, from the headers that one of 1.1 would be. */
export function streamAnswer(code: number, headers: readonly string[]): string[] {
  const fields = [":status", String(code)];
  addFields(fields, headers);
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

/** A flat list of names and values as pairs. */
export function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < flat.length; at += 2) pairs.push([flat[at] ?? "", flat[at + 1] ?? ""]);
  return pairs;
}

/** Without the pseudo-headers, which come first. */
export function plainFields(fields: readonly string[]): string[] {
  let from = 0;
  while ((fields[from] ?? "").startsWith(":")) from += 2;
  return fields.slice(from);
}
