import { forwardedForOf, forwardedOf, type Hops } from "./forwarded.ts";

/** The head of a request, read and found good. */
export interface RequestHead {
  readonly method: string;
  /** What the instance is asked for: "/path?query", or "*". */
  readonly target: string;
  /** As the client sent it, with its port if it had one. */
  readonly authority: string;
  readonly rawHeaders: readonly string[];
  readonly hasBody: boolean;
  readonly isChunked: boolean;
  /** The protocol to change to, such as "websocket". */
  readonly upgrade: string | undefined;
}

/** Those that speak of one connection (RFC 9110, 7.6.1): they end here. */
const HOP_BY_HOP = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** What only this gateway may say. The other headers of a client pass unchanged. */
const STRIPPED = new Set(["knative-serving-namespace", "knative-serving-revision"]);

/** Replaced by our own, made from these. */
const FORWARDED = new Set([
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
]);

/** What frames or addresses a message is never dropped, though `Connection` may name it. */
const KEPT = new Set(["content-length", "host"]);

/** Methods of which a message without a body needs no word about that. */
const BODILESS = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);

const REVISION = "varve-revision";

/** The headers an instance gets, as a flat list of names and values. */
export function requestHeaders(head: RequestHead, client: string, proto = "http"): string[] {
  const { rawHeaders, authority } = head;
  const named = namedByConnection(rawHeaders);
  const hops = new Map<string, string>();
  const headers = ["Host", authority];
  let takesTrailers = false;
  let hasLength = false;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [raw = "", value = ""] = [rawHeaders[at], rawHeaders[at + 1]];
    const name = raw.toLowerCase();
    if (FORWARDED.has(name)) hops.set(name, joined(hops.get(name), value));
    if (name === "te" && /\btrailers\b/i.test(value)) takesTrailers = true;
    if (name === "content-length") hasLength = true;
    if (name === "host" || STRIPPED.has(name) || FORWARDED.has(name)) continue;
    if (name === "trailer" && !head.isChunked) continue;
    if (isOfConnection(name, named)) continue;
    headers.push(raw, value);
  }
  if (head.isChunked) headers.push("Transfer-Encoding", "chunked");
  else if (!hasLength && !BODILESS.has(head.method)) headers.push("Content-Length", "0");
  if (head.upgrade !== undefined) headers.push("Connection", "Upgrade", "Upgrade", head.upgrade);
  else if (takesTrailers) headers.push("Connection", "TE, keep-alive", "TE", "trailers");
  addForwarded(headers, { hops, authority, client, proto });
  return headers;
}

export interface AnswerOptions {
  readonly revision: string;
  /** Whether trailers may follow: the client is of HTTP/1.1, and the body is chunked. */
  readonly isChunked: boolean;
}

/** The headers a client gets, as a flat list of names and values. */
export function answerHeaders(rawHeaders: readonly string[], options: AnswerOptions): string[] {
  const named = namedByConnection(rawHeaders);
  const headers: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [raw = "", value = ""] = [rawHeaders[at], rawHeaders[at + 1]];
    const name = raw.toLowerCase();
    if (name === REVISION || isOfConnection(name, named)) continue;
    if (name === "trailer" && !options.isChunked) continue;
    headers.push(raw, value);
  }
  headers.push("Varve-Revision", options.revision);
  return headers;
}

/** Trailers as pairs, without what may not be in one. */
export function trailersOf(rawTrailers: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < rawTrailers.length; at += 2) {
    const [raw = "", value = ""] = [rawTrailers[at], rawTrailers[at + 1]];
    const name = raw.toLowerCase();
    const isBarred =
      HOP_BY_HOP.has(name) || KEPT.has(name) || STRIPPED.has(name) || FORWARDED.has(name);
    if (!isBarred && name !== "trailer" && name !== REVISION) pairs.push([raw, value]);
  }
  return pairs;
}

/** The last value under a name, given in lower case. */
export function lastValueOf(rawHeaders: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const raw = rawHeaders[at] ?? "";
    if (raw.length === name.length && raw.toLowerCase() === name) found = rawHeaders[at + 1];
  }
  return found;
}

/** All values under a name, given in lower case, as one (RFC 9110, 5.3). */
export function joinedValueOf(rawHeaders: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  const between = name === "cookie" ? "; " : ", ";
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const raw = rawHeaders[at] ?? "";
    if (raw.length !== name.length || raw.toLowerCase() !== name) continue;
    const value = rawHeaders[at + 1] ?? "";
    found = found === undefined ? value : `${found}${between}${value}`;
  }
  return found;
}

function isOfConnection(name: string, named: ReadonlySet<string> | undefined): boolean {
  if (HOP_BY_HOP.has(name)) return true;
  return named?.has(name) === true && !KEPT.has(name);
}

/** Most have one of these two values, and then there is nothing to look up. */
function namedByConnection(rawHeaders: readonly string[]): ReadonlySet<string> | undefined {
  let named: Set<string> | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const raw = rawHeaders[at] ?? "";
    if (raw.length !== 10 || raw.toLowerCase() !== "connection") continue;
    const value = (rawHeaders[at + 1] ?? "").toLowerCase();
    if (value === "keep-alive" || value === "close") continue;
    named ??= new Set();
    for (const name of value.split(",")) named.add(name.trim());
  }
  return named;
}

interface Seen {
  readonly hops: ReadonlyMap<string, string>;
  readonly authority: string;
  readonly client: string;
  readonly proto: string;
}

function addForwarded(headers: string[], { hops, authority, client, proto }: Seen): void {
  const seen: Hops = {
    forwarded: hops.get("forwarded"),
    forwardedFor: hops.get("x-forwarded-for"),
    forwardedHost: hops.get("x-forwarded-host"),
    forwardedProto: hops.get("x-forwarded-proto"),
    client,
    host: authority,
    proto,
  };
  headers.push("Forwarded", forwardedOf(seen), "X-Forwarded-For", forwardedForOf(seen));
  headers.push("X-Forwarded-Host", seen.forwardedHost ?? authority);
  headers.push("X-Forwarded-Proto", seen.forwardedProto ?? seen.proto);
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}
