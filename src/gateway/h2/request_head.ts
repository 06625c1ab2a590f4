import { PROBLEMS } from "../../base/h1/problem.ts";
import { type Asking, type Seen, Taken } from "../h1/asking.ts";
import { badRequest, type Refusal } from "../refusal.ts";
import type { Field } from "./field.ts";
import * as Kind from "./field.ts";

/** It is no request (RFC 9113, 8.1.1). */
export const MALFORMED = "malformed";

const NO_LENGTH = -1;
const STATUS = /^[1-9]\d\d$/;
const LENGTH = /^\d{1,15}$/;

/** Methods of which a message without a body needs no word about that. */
const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);

/** What the fields of one head say, as far as it was read. */
class Reading {
  method: string | undefined;
  scheme: string | undefined;
  authority: string | undefined;
  path: string | undefined;
  host: string | undefined;
  otherHost: string | undefined;
  cookie: string | undefined;
  trailer = "";
  hops: Map<string, string> | undefined;
  length = NO_LENGTH;
  takesTrailers = false;
  isExpecting = false;
  isBadTarget = false;
  isMalformed = false;
  /** Those that pass, as lines of HTTP/1.1. */
  lines = "";
}

/**
 * Makes what is sent on of the head of a stream. `hasBody`: its end has not come with its head.
 *
 * HOT: runs for every request; makes its head as text, and what holds it.
 */
export function readRequestHead(
  fields: readonly Field[],
  hasBody: boolean,
  seen: Seen,
): Asking | Refusal | typeof MALFORMED {
  const reading = new Reading();
  let isRegular = false;
  for (let at = 0; at < fields.length; at += 1) {
    const field = fields[at] as Field;
    const { kind } = field;
    if (kind === Kind.OTHER) reading.lines += field.line;
    if (kind >= Kind.METHOD && kind <= Kind.NO_PSEUDO) {
      if (isRegular || !takePseudo(reading, field)) return MALFORMED;
      continue;
    }
    isRegular = true;
    if (field.isBad) return MALFORMED;
    if (kind !== Kind.OTHER) takeKnown(reading, field);
  }
  if (reading.isMalformed) return MALFORMED;
  if (!hasBody && reading.length > 0) return MALFORMED;
  const { method, scheme, path } = reading;
  if (method === "CONNECT") {
    const isWhole = scheme === undefined && path === undefined && reading.authority !== undefined;
    return isWhole ? PROBLEMS.connect : MALFORMED;
  }
  if (method === undefined || scheme === undefined || path === undefined) return MALFORMED;
  return reading.isBadTarget ? PROBLEMS.target : askingOf(reading, hasBody, seen);
}

function takePseudo(reading: Reading, { kind, value, isBad }: Field): boolean {
  if (kind === Kind.METHOD) {
    if (reading.method !== undefined || isBad || value === "") return false;
    reading.method = value;
  } else if (kind === Kind.SCHEME) {
    if (reading.scheme !== undefined || isBad || value === "") return false;
    reading.scheme = value;
  } else if (kind === Kind.AUTHORITY) {
    if (reading.authority !== undefined || isBad) return false;
    reading.authority = value;
  } else if (kind === Kind.PATH) {
    if (reading.path !== undefined || value === "") return false;
    reading.path = value;
    reading.isBadTarget = isBad;
  } else return false;
  return true;
}

function takeKnown(reading: Reading, field: Field): void {
  const { kind, name, value } = field;
  if (kind === Kind.COOKIE) {
    // Clients split this one for the sake of compression; HTTP/1.1 has it once (8.2.3).
    reading.cookie = reading.cookie === undefined ? value : `${reading.cookie}; ${value}`;
  } else if (kind === Kind.HOST) {
    if (reading.host === undefined) reading.host = value;
    else if (reading.host !== value) reading.otherHost = value;
  } else if (kind === Kind.CONTENT_LENGTH) {
    if (reading.length !== NO_LENGTH || !LENGTH.test(value)) reading.isMalformed = true;
    else reading.length = Number(value);
    reading.lines += field.line;
  } else if (kind === Kind.TE) {
    reading.takesTrailers = value.toLowerCase() === "trailers";
    reading.isMalformed ||= !reading.takesTrailers;
  } else if (kind === Kind.TRAILER) reading.trailer += field.line;
  else if (kind === Kind.FORWARDED) {
    reading.hops ??= new Map();
    const before = reading.hops.get(name);
    reading.hops.set(name, before === undefined ? value : `${before}, ${value}`);
  } else if (kind === Kind.BARRED) reading.isMalformed = true;
  else if (kind !== Kind.DROPPED) {
    if (kind === Kind.EXPECT) reading.isExpecting = /^100-continue$/i.test(value);
    reading.lines += field.line;
  }
}

function askingOf(reading: Reading, hasBody: boolean, seen: Seen): Asking | Refusal {
  const { method = "", path = "", hops, length, takesTrailers, cookie } = reading;
  if (!path.startsWith("/") && !(path === "*" && method === "OPTIONS")) {
    return badRequest(`:path must begin with "/": "${path}"`);
  }
  const authority = reading.authority ?? reading.host;
  if (authority === undefined) return badRequest("there is neither :authority nor Host");
  const other = reading.otherHost ?? reading.host;
  if (other !== undefined && other !== authority) {
    if (other.toLowerCase() !== authority.toLowerCase()) {
      return badRequest(`Host and :authority must agree: "${other}" and "${authority}"`);
    }
  }
  const host = seen.hostOf(authority);
  if (host === undefined) return badRequest(`"${authority}" is not a host`);
  const isChunked = hasBody && length === NO_LENGTH;
  let text = `${method} ${path} HTTP/1.1\r\nHost: ${authority}\r\n${reading.lines}`;
  // Clients split this one for the sake of compression; HTTP/1.1 has it once (8.2.3).
  if (cookie !== undefined) text += `cookie: ${cookie}\r\n`;
  if (isChunked) text += `${reading.trailer}Transfer-Encoding: chunked\r\n`;
  else if (length === NO_LENGTH && !BODILESS.has(method)) text += "Content-Length: 0\r\n";
  if (takesTrailers) text += "Connection: TE, keep-alive\r\nTE: trailers\r\n";
  text += `${seen.forwarded(authority, hops)}\r\n`;
  return new Taken(method, host, authority, text, {
    ...{ minor: 1, hasBody, isChunked, isKeepAlive: true, upgrade: undefined },
    isExpecting: reading.isExpecting,
    bodyLength: isChunked ? NO_LENGTH : Math.max(0, length),
  });
}

/** The code of an answer; nothing where it is malformed. */
export function readAnswerHead(fields: readonly Field[]): number | undefined {
  const [first, ...rest] = fields;
  if (first?.name !== ":status" || !STATUS.test(first.value)) return undefined;
  return readTrailers(rest) === undefined ? undefined : Number(first.value);
}

/** What follows a body, or nothing where it is malformed. */
export function readTrailers(fields: readonly Field[]): string[] | undefined {
  const flat: string[] = [];
  for (const { name, value, kind, isBad } of fields) {
    const isPseudo = kind >= Kind.METHOD && kind <= Kind.NO_PSEUDO;
    if (isPseudo || isBad || kind === Kind.BARRED) return undefined;
    flat.push(name, value);
  }
  return flat;
}

/** Those that are no pseudo-fields, as a flat list of names and values. */
export function rawHeadersOf(fields: readonly Field[]): string[] {
  const flat: string[] = [];
  for (const { name, value, kind } of fields) {
    if (kind < Kind.METHOD || kind > Kind.NO_PSEUDO) flat.push(name, value);
  }
  return flat;
}

/** The value of a pseudo-field, of a head that could not be read. */
export function pseudoOf(fields: readonly Field[], kind: number): string | undefined {
  return fields.find((field) => field.kind === kind)?.value;
}
