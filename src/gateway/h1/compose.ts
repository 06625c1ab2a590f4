import { type Facts, isNamed } from "../../base/h1/facts.ts";
import * as Field from "../../base/h1/fields.ts";
import type { Head } from "../../base/h1/head.ts";
import { forwardedForOf, forwardedOf, type Hops, wordOf } from "../forwarded.ts";

/** Which lines end here, by what they are. */
export type Drops = Uint8Array;

const OF_CONNECTION = [Field.CONNECTION, Field.UPGRADE, Field.TE, Field.HOP];

/** Lines of a request that go no further. Those we add ourselves are among them. */
const REQUEST = dropsOf(...OF_CONNECTION, Field.FORWARDED, Field.OURS, Field.TRAILER);
const REQUEST_CHUNKED = dropsOf(...OF_CONNECTION, Field.FORWARDED, Field.OURS);
const ANSWER = dropsOf(...OF_CONNECTION, Field.REVISION, Field.TRAILER, Field.TRANSFER_ENCODING);
const ANSWER_CHUNKED = dropsOf(...OF_CONNECTION, Field.REVISION);
const ANSWER_EMPTY = dropsOf(
  ...OF_CONNECTION,
  ...[Field.REVISION, Field.TRAILER, Field.TRANSFER_ENCODING, Field.CONTENT_LENGTH],
);

/** Methods of which a message without a body needs no word about that. */
const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);

const RESET_CONTENT = 205;

export interface RequestParts {
  readonly method: string;
  /** Made anew for a target with a host in it; as it came when left out. */
  readonly target: string | undefined;
  readonly authority: string;
  /** The lines that tell of the client. */
  readonly forwarded: string;
  readonly upgrade: string | undefined;
}

/** The head that an instance of HTTP/1.1 gets, to its empty line. */
export function requestText(head: Head, facts: Facts, parts: RequestParts): string {
  const { method, target, authority, forwarded, upgrade } = parts;
  const drops = facts.isChunked ? REQUEST_CHUNKED : REQUEST;
  let text: string;
  if (target === undefined && head.minor === 1) text = keptLines(head, facts, drops, head.start);
  else {
    const asked = target ?? head.text(head.methodEnd + 1, head.targetEnd);
    text = `${method} ${asked} HTTP/1.1\r\n`;
    text += keptLines(head, facts, drops, head.fieldsStart);
  }
  if (target !== undefined) text = withHost(text, authority);
  if (facts.length < 0 && !facts.isChunked && !BODILESS.has(method))
    text += "Content-Length: 0\r\n";
  if (upgrade !== undefined) text += `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`;
  else if (facts.takesTrailers) text += "Connection: TE, keep-alive\r\nTE: trailers\r\n";
  return `${text}${forwarded}\r\n`;
}

/** A target with a host decides, so the line of the header says the same. */
function withHost(text: string, authority: string): string {
  const [line = "", ...rest] = text.split("\r\n");
  const others = rest.filter((one) => !/^host:/i.test(one));
  return [line, `Host: ${authority}`, ...others].join("\r\n");
}

/** The lines of a head but those that end here, in as few pieces as there are gaps. */
export function keptLines(head: Head, facts: Facts, drops: Drops, from: number): string {
  if (!facts.hasDropped && !hasAny(head, drops)) return head.text(from, head.end - 2);
  let text = "";
  let start = from;
  for (let at = 0; at < head.count; at += 1) {
    const field = head.field(at);
    if (drops[field] !== 1 && !(facts.hasNamed && isNamedAway(head, at, field))) continue;
    const name = head.nameStart(at);
    if (name > start) text += head.text(start, name);
    start = head.lineEnd(at);
  }
  return text + head.text(start, head.end - 2);
}

/** What frames or addresses a message is never dropped, though `Connection` may name it. */
export function isNamedAway(head: Head, at: number, field: number): boolean {
  const isKept =
    field === Field.HOST || field === Field.CONTENT_LENGTH || field === Field.TRANSFER_ENCODING;
  return !isKept && isNamed(head, at);
}

function hasAny(head: Head, drops: Drops): boolean {
  for (let at = 0; at < head.count; at += 1) if (drops[head.field(at)] === 1) return true;
  return false;
}

/** How the body of an answer goes to the client. */
export type Way = "empty" | "length" | "chunked" | "close";

export interface AnswerParts {
  readonly way: Way;
  readonly revision: string;
  /** The client's connection ends with this answer. */
  readonly isClose: boolean;
  /** The client is of HTTP/1.0, and its connection stays. */
  readonly isKept: boolean;
  readonly dateLine: string;
}

/** The head that a client gets, to its empty line. */
export function answerText(head: Head, facts: Facts, parts: AnswerParts): string {
  const { way, revision, isClose, isKept, dateLine } = parts;
  let text = statusAndLines(head, facts, dropsOfAnswer(head.code, way));
  if (way === "chunked" && !facts.isChunked) text += "Transfer-Encoding: chunked\r\n";
  // Of the answers without a body, this one has to say that there is none (RFC 9110, 15.3.6).
  else if (head.code === RESET_CONTENT) text += "Content-Length: 0\r\n";
  if (!facts.hasDate) text += dateLine;
  if (isClose) text += "Connection: close\r\n";
  else if (isKept) text += "Connection: keep-alive\r\n";
  return `${text}Varve-Revision: ${revision}\r\n\r\n`;
}

/** An answer ahead of the answer. */
export function informationText(head: Head, facts: Facts): string {
  return `${statusAndLines(head, facts, ANSWER_EMPTY)}\r\n`;
}

/** The answer that a connection now speaks another protocol. */
export function upgradeText(head: Head, facts: Facts, revision: string): string {
  const upgrade = head.valueOf(Field.UPGRADE) ?? "";
  const lines = statusAndLines(head, facts, ANSWER_EMPTY);
  const ours = `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\nVarve-Revision: ${revision}\r\n\r\n`;
  return lines + ours;
}

export function dropsOfAnswer(code: number, way: Way): Drops {
  if (way === "chunked") return ANSWER_CHUNKED;
  return code === 204 || code === RESET_CONTENT ? ANSWER_EMPTY : ANSWER;
}

function statusAndLines(head: Head, facts: Facts, drops: Drops): string {
  const hasReason = head.targetEnd > head.methodEnd + 4;
  if (head.minor === 1 && hasReason) return keptLines(head, facts, drops, head.start);
  const line = `HTTP/1.1${head.text(head.methodEnd, head.targetEnd)}${hasReason ? "" : " "}\r\n`;
  return line + keptLines(head, facts, drops, head.fieldsStart);
}

/** The lines that tell an instance of the client, where the client says nothing itself. */
export function forwardedText(hops: Hops): string {
  return (
    `Forwarded: ${forwardedOf(hops)}\r\nX-Forwarded-For: ${forwardedForOf(hops)}\r\n` +
    `X-Forwarded-Host: ${hops.forwardedHost ?? hops.host}\r\n` +
    `X-Forwarded-Proto: ${hops.forwardedProto ?? hops.proto}\r\n`
  );
}

/**
 * The same where nothing is said of any before: most requests.
 *
 * HOT: runs for every request; makes its text.
 */
export function forwardedByUs(host: string, { address, node, proto }: Nearest): string {
  const seen = `Forwarded: for=${node};host=${wordOf(host)};proto=${proto}\r\n`;
  const plain = `X-Forwarded-For: ${address}\r\nX-Forwarded-Host: ${host}\r\n`;
  return `${seen}${plain}X-Forwarded-Proto: ${proto}\r\n`;
}

/** Who is at the other end of a connection. */
export interface Nearest {
  /** Without what Node adds to IPv4 on a socket of both kinds. */
  readonly address: string;
  /** As `Forwarded` has it. */
  readonly node: string;
  readonly proto: string;
}

/** What a client says of those before it, by names in lower case. */
export function saidOf(head: Head): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (let at = 0; at < head.count; at += 1) {
    if (head.field(at) !== Field.FORWARDED) continue;
    const name = head.name(at).toLowerCase();
    const before = values.get(name);
    values.set(name, before === undefined ? head.value(at) : `${before}, ${head.value(at)}`);
  }
  return values;
}

export function hopsOf(
  said: ReadonlyMap<string, string>,
  seen: Pick<Hops, "client" | "host" | "proto">,
): Hops {
  return {
    ...seen,
    forwarded: said.get("forwarded"),
    forwardedFor: said.get("x-forwarded-for"),
    forwardedHost: said.get("x-forwarded-host"),
    forwardedProto: said.get("x-forwarded-proto"),
  };
}

export function dropsOf(...fields: readonly number[]): Drops {
  const drops = new Uint8Array(16);
  for (const field of fields) drops[field] = 1;
  return drops;
}
