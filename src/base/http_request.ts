import type { IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Call, Peer } from "./call.ts";
import type { Facts } from "./h1/facts.ts";
import { UPGRADE } from "./h1/fields.ts";
import type { Head } from "./h1/head.ts";
import { PROBLEMS, type Problem } from "./h1/problem.ts";

const NO_BODY = Buffer.alloc(0);
const NO_PARAMS: Readonly<Record<string, string>> = {};
const NO_QUERY = new URLSearchParams();
/** One for all, as making a reason costs more than most requests do. */
const GONE = new Error("the caller has gone");

/** One request on a connection, from its head on. */
export class HttpRequest implements Call {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly isUpgrade: boolean;
  params = NO_PARAMS;
  body: Buffer = NO_BODY;
  stream: Readable | undefined = undefined;
  readonly #socket: Socket;
  /** Names in lower case and values, as they came. */
  readonly #lines: readonly string[];
  readonly #queryText: string;
  #query: URLSearchParams | undefined;
  #abort: AbortController | undefined;
  /** It was answered, or nobody waits for that any more. */
  isGone = false;

  /** Copies what it needs of the head, which is the next one's then. */
  constructor(socket: Socket, target: string, { head, facts }: HeadParts) {
    const at = target.indexOf("?");
    this.#socket = socket;
    this.method = head.text(head.start, head.methodEnd);
    this.path = at < 0 ? target : target.slice(0, at);
    this.#queryText = at < 0 ? "" : target.slice(at + 1);
    this.#lines = linesOf(head);
    this.headers = headersOf(this.#lines);
    this.isUpgrade = isForWebSocket(head, facts);
  }

  get query(): URLSearchParams {
    if (this.#queryText === "") return NO_QUERY;
    this.#query ??= new URLSearchParams(this.#queryText);
    return this.#query;
  }

  get address(): string {
    return this.#socket.remoteAddress ?? "";
  }

  get peer(): Peer | undefined {
    return peerOf(this.#socket as TLSSocket);
  }

  /** Made for those who ask alone. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.isGone) this.#abort.abort(GONE);
    }
    return this.#abort.signal;
  }

  all(header: string): readonly string[] {
    const lines = this.#lines;
    return lines.filter((_, at) => at % 2 === 1 && lines[at - 1] === header);
  }

  leave(): void {
    this.isGone = true;
    this.#abort?.abort(GONE);
  }
}

interface HeadParts {
  readonly head: Head;
  readonly facts: Facts;
}

function linesOf(head: Head): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < head.count; at += 1) {
    lines.push(head.name(at).toLowerCase(), head.value(at));
  }
  return lines;
}

/** Of those that are sent twice, the first counts where a second makes no sense. */
const SINGLE: ReadonlySet<string> = new Set([
  ...["authorization", "content-length", "content-type", "host", "user-agent"],
  ...["from", "if-modified-since", "if-unmodified-since", "max-forwards"],
  ...["proxy-authorization", "referer"],
]);

function headersOf(lines: readonly string[]): IncomingHttpHeaders {
  const headers: Record<string, string> = {};
  for (let at = 0; at < lines.length; at += 2) {
    const [name = "", value = ""] = [lines[at], lines[at + 1]];
    const before = headers[name];
    // A name such as "constructor" has a value that nobody sent.
    if (typeof before !== "string") headers[name] = value;
    else if (!SINGLE.has(name))
      headers[name] = `${before}${name === "cookie" ? "; " : ", "}${value}`;
  }
  return headers;
}

/** Whoever asks to change to anything else is answered as if they had not. */
function isForWebSocket(head: Head, { isUpgrade, isChunked, length }: Facts): boolean {
  if (!isUpgrade || isChunked || length > 0 || head.minor === 0) return false;
  return head.valueOf(UPGRADE)?.toLowerCase() === "websocket";
}

const peers = new WeakMap<object, Peer | undefined>();

/** Looked at once for each connection, which costs more than all else about it. */
function peerOf(socket: TLSSocket): Peer | undefined {
  if (peers.has(socket)) return peers.get(socket);
  const { CN: name, O: of = [] } = socket.authorized ? socket.getPeerCertificate().subject : {};
  const organizations = typeof of === "string" ? [of] : of;
  const peer = typeof name === "string" && name !== "" ? { name, organizations } : undefined;
  peers.set(socket, peer);
  return peer;
}

const SLASH = 47;
const STAR = 42;
const ABSOLUTE = /^https?:\/\/[^/?]*/i;

/** The path and the query that are asked for; nothing when it is neither that nor a whole URL. */
export function targetOf(head: Head): string | undefined {
  const first = head.bytes[head.methodEnd + 1];
  const target = head.text(head.methodEnd + 1, head.targetEnd);
  if (first === SLASH || (first === STAR && target.length === 1)) return target;
  const rest = target.replace(ABSOLUTE, "");
  if (rest.length === target.length) return undefined;
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** What is wrong with a head that can be read. */
export function problemOf(head: Head, facts: Facts): Problem | undefined {
  if (facts.isChunked && head.minor === 0) return PROBLEMS.codingInOld;
  return facts.hostAt < 0 && head.minor === 1 ? PROBLEMS.noHost : undefined;
}
