import { COLON, DIGIT, HOST as HOST_BYTES, isWord, textOf, wordOf } from "../../base/h1/bytes.ts";
import type { Facts } from "../../base/h1/facts.ts";
import type { Head } from "../../base/h1/head.ts";
import { PROBLEMS, type Problem } from "../../base/h1/problem.ts";
import type { Outgoing } from "../caller.ts";
import { nodeOf, plainAddress } from "../forwarded.ts";
import { hostOf } from "../request.ts";
import {
  forwardedByUs,
  forwardedText,
  hopsOf,
  type Nearest,
  requestText,
  saidOf,
} from "./compose.ts";

/** What all connections of a worker use in turn: each is done with it when its turn ends. */
export interface AskingParts {
  readonly head: Head;
  readonly facts: Facts;
  /** For trailers. */
  readonly spare: Head;
}

/** Who is at the other end, in the words of the headers that tell instances of it. */
export class Seen implements Nearest {
  readonly client: string;
  readonly address: string;
  readonly node: string;
  readonly proto: string;
  #authority = "";
  #host: string | undefined;

  constructor(client: string, isTls: boolean) {
    this.client = client;
    this.address = plainAddress(client);
    this.node = nodeOf(client);
    this.proto = isTls ? "https" : "http";
  }

  /** The host that is meant, without the port; nothing when it is none. */
  hostOf(authority: string): string | undefined {
    if (authority !== this.#authority) {
      this.#authority = authority;
      this.#host = hostOf(authority);
    }
    return this.#host;
  }

  /** `said` is what the client says of those before it, by the names of the headers. */
  forwarded(authority: string, said: ReadonlyMap<string, string> | undefined): string {
    if (said === undefined) return forwardedByUs(authority, this);
    const { client, proto } = this;
    return forwardedText(hopsOf(said, { client, host: authority, proto }));
  }
}

/** A request that may be forwarded: what of it is needed after its bytes are gone. */
export interface Asking extends Outgoing {
  /** In lower case, without the port. */
  readonly host: string;
  /** 1 of HTTP/1.1, 0 of HTTP/1.0. */
  readonly minor: number;
  /** The client sends its body only after a 100 (Continue). */
  readonly isExpecting: boolean;
  /** The connection may carry another request. */
  readonly isKeepAlive: boolean;
  /** Of the body; -1 when it is in chunks. */
  readonly bodyLength: number;
  headers(): string[];
  withText(text: string): Asking;
}

const METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE"];
const WORDS = METHODS.map((name) => [wordOf(name), name] as const);
const SLASH = 47;
const STAR = 42;
const DOT = 46;
const PORT_DIGITS_MAX = 5;
const SCHEMES = [wordOf("http://"), wordOf("https://")];
const H2C = /\bh2c\b/i;

/**
 * Makes what is sent on of a head that was read. What could be read in two ways is a problem.
 *
 * HOT: runs for every request; makes its host, its head and what holds the two.
 */
export function askingOf(parts: AskingParts, seen: Seen): Asking | Problem {
  const { head, facts } = parts;
  const problem = facts.read(head, true);
  if (problem !== undefined) return problem;
  if (facts.isChunked && head.minor === 0) return PROBLEMS.codingInOld;
  const method = methodOf(head);
  if (method === "CONNECT") return PROBLEMS.connect;
  if (facts.hostAt < 0) return PROBLEMS.noHost;
  const hostFrom = head.valueStart(facts.hostAt);
  const hostTo = head.valueEnd(facts.hostAt);
  let host = readHost(head.bytes, hostFrom, hostTo);
  if (host === undefined) return PROBLEMS.host;
  let authority = head.text(hostFrom, hostTo);
  let target: string | undefined;
  const first = head.bytes[head.methodEnd + 1];
  if (first !== SLASH && !isAsterisk(head, method)) {
    const absolute = readAbsolute(head, method);
    if (absolute === undefined) return PROBLEMS.form;
    const isSame = sameAuthority(absolute.authority, authority);
    const other = hostOf(absolute.authority);
    if (other === undefined) return PROBLEMS.host;
    if (!isSame) return PROBLEMS.otherHost;
    host = other;
    authority = absolute.authority;
    target = absolute.target;
  }
  const hasBody = facts.isChunked || facts.length > 0;
  const upgrade = upgradeOf(head, facts, hasBody);
  const forwarded = seen.forwarded(authority, facts.hasForwarded ? saidOf(head) : undefined);
  const text = requestText(head, facts, { method, target, authority, forwarded, upgrade });
  return new Taken(method, host, authority, text, {
    minor: head.minor,
    hasBody,
    isChunked: facts.isChunked,
    isExpecting: facts.isExpecting && head.minor === 1,
    isKeepAlive: facts.stays(head.minor) && upgrade === undefined,
    bodyLength: facts.isChunked ? -1 : Math.max(0, facts.length),
    upgrade,
  });
}

export function isProblem(read: Asking | Problem): read is Problem {
  return "detail" in read;
}

type Rest = Pick<
  Asking,
  "minor" | "hasBody" | "isChunked" | "isExpecting" | "isKeepAlive" | "bodyLength" | "upgrade"
>;

/** One that holds what it is made of, whatever protocol it came by. */
export class Taken implements Asking {
  readonly method: string;
  readonly host: string;
  readonly authority: string;
  readonly text: string;
  readonly minor: number;
  readonly hasBody: boolean;
  readonly isChunked: boolean;
  readonly isExpecting: boolean;
  readonly isKeepAlive: boolean;
  readonly bodyLength: number;
  readonly upgrade: string | undefined;

  // biome-ignore lint/complexity/useMaxParams: HOT
  constructor(method: string, host: string, authority: string, text: string, rest: Rest) {
    this.method = method;
    this.host = host;
    this.authority = authority;
    this.text = text;
    this.minor = rest.minor;
    this.hasBody = rest.hasBody;
    this.isChunked = rest.isChunked;
    this.isExpecting = rest.isExpecting;
    this.isKeepAlive = rest.isKeepAlive;
    this.bodyLength = rest.bodyLength;
    this.upgrade = rest.upgrade;
  }

  get target(): string {
    const { text, method } = this;
    return text.slice(method.length + 1, text.indexOf(" ", method.length + 1));
  }

  /** The same with another head to send on. */
  withText(text: string): Asking {
    return new Taken(this.method, this.host, this.authority, text, this);
  }

  headers(): string[] {
    const flat: string[] = [];
    const [, ...lines] = this.text.split("\r\n");
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon > 0) flat.push(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    return flat;
  }
}

/** One string for each of the known ones, and none is made for them. */
function methodOf(head: Head): string {
  const { bytes, start, methodEnd } = head;
  for (let at = 0; at < WORDS.length; at += 1) {
    const [word, name] = WORDS[at] as (typeof WORDS)[number];
    if (isExact(bytes, start, methodEnd, word)) return name;
  }
  return head.text(start, methodEnd);
}

function isExact(bytes: Uint8Array, from: number, to: number, word: Uint8Array): boolean {
  if (to - from !== word.length) return false;
  for (let at = 0; at < word.length; at += 1) if (bytes[from + at] !== word[at]) return false;
  return true;
}

/** "Hello.LOCALHOST.:8080" is "hello.localhost"; nothing when it is no host. */
function readHost(bytes: Buffer, from: number, to: number): string | undefined {
  let at = from;
  let isLower = true;
  while (at < to && HOST_BYTES[bytes[at] as number] === 1) {
    const byte = bytes[at] as number;
    if (byte >= 65 && byte <= 90) isLower = false;
    at += 1;
  }
  // An address of IPv6 is in brackets, and seldom.
  if (at === from) return hostOf(textOf(bytes, from, to));
  if (at < to && !isPort(bytes, at, to)) return undefined;
  if (bytes[at - 1] === DOT) at -= 1;
  if (at === from) return undefined;
  const host = textOf(bytes, from, at);
  return isLower ? host : host.toLowerCase();
}

function isPort(bytes: Buffer, colon: number, to: number): boolean {
  if (bytes[colon] !== COLON || to - colon - 1 > PORT_DIGITS_MAX) return false;
  for (let at = colon + 1; at < to; at += 1) if (DIGIT[bytes[at] as number] !== 1) return false;
  return true;
}

function isAsterisk(head: Head, method: string): boolean {
  const isAlone = head.targetEnd === head.methodEnd + 2;
  return isAlone && head.bytes[head.methodEnd + 1] === STAR && method === "OPTIONS";
}

interface Absolute {
  readonly authority: string;
  readonly target: string;
}

/** "http://host:80/path?query", as proxies are asked. Without a path it is "/", or "*". */
function readAbsolute(head: Head, method: string): Absolute | undefined {
  const { bytes, methodEnd, targetEnd } = head;
  const from = methodEnd + 1;
  const scheme = SCHEMES.find((one) => {
    const to = from + one.length;
    return to <= targetEnd && isWord(bytes, from, to, one);
  });
  if (scheme === undefined) return undefined;
  const whole = head.text(from + scheme.length, targetEnd);
  const end = whole.search(/[/?]/);
  const authority = end < 0 ? whole : whole.slice(0, end);
  const rest = end < 0 ? "" : whole.slice(end);
  if (rest.startsWith("/")) return { authority, target: rest };
  if (rest === "" && method === "OPTIONS") return { authority, target: "*" };
  return { authority, target: `/${rest}` };
}

/** Whatever their case, the dot at the end of a name, and the port that is meant anyway. */
function sameAuthority(one: string, other: string): boolean {
  return plain(one) === plain(other);
}

function plain(authority: string): string {
  return authority
    .toLowerCase()
    .replace(/:(?:80|443)?$/, "")
    .replace(/\.(?=:|$)/, "");
}

/** Clients offer h2c in passing, and are content with HTTP/1.1. */
function upgradeOf(head: Head, facts: Facts, hasBody: boolean): string | undefined {
  if (!facts.isUpgrade || facts.upgradeAt < 0 || hasBody || head.minor === 0) return undefined;
  const upgrade = head.value(facts.upgradeAt);
  return upgrade === "" || H2C.test(upgrade) ? undefined : upgrade;
}
