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

const REVISION = "varve-revision";

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
