import type { IncomingMessage } from "node:http";
import type { Asked } from "./course.ts";
import { joinedValueOf, lastValueOf, type RequestHead, schemeOf } from "./head.ts";
import { badRequest, type Refusal } from "./refusal.ts";

/** A request that may be forwarded, and the host that decides where to. */
export interface Inbound extends RequestHead {
  /** In lower case, without the port. */
  readonly host: string;
}

const HOST = /^(?:[\w.~-]+|\[[\da-f:.]+\])$/;
const PORT = /:\d{0,5}$/;
const ABSOLUTE = /^https?:\/\/([^/?#]*)([^#]*)$/i;

/** Reads what Node's parser let through. What could be read in two ways is refused. */
export function readRequest(req: IncomingMessage, isUpgrade: boolean): Inbound | Refusal {
  const { rawHeaders, method = "GET", url = "/" } = req;
  const hosts = hostsOf(rawHeaders);
  const [sent] = hosts;
  if (sent === undefined) return badRequest("the Host header is missing");
  if (hosts.length > 1) return badRequest(`there are ${hosts.length} Host headers: ${hosts}`);
  const problem = problemOfBody(req);
  if (problem !== undefined) return problem;

  const [, proxied, rest = ""] = ABSOLUTE.exec(url) ?? [];
  const isOrigin = url.startsWith("/") || url === "*";
  if (proxied === undefined && !isOrigin) {
    return badRequest(`the target must be a path or an http URL: "${url}"`);
  }
  // RFC 9112, 3.2.2: a host in the target counts, whatever the header says.
  const authority = proxied ?? sent;
  const host = hostOf(authority);
  if (host === undefined) return badRequest(`"${authority}" is not a host`);
  const target = proxied === undefined ? url : rest.replace(/^(?!\/)/, "/");
  const { "transfer-encoding": coding, "content-length": length = "0", upgrade } = req.headers;
  const isChunked = coding !== undefined;
  const hasBody = isChunked || Number(length) > 0;
  const head = { method, target, authority, rawHeaders, hasBody, isChunked, host };
  return { ...head, upgrade: isUpgrade ? upgrade : undefined };
}

/** The request as rules and policies see it. */
export function askedBy(req: IncomingMessage, inbound: Inbound): Asked {
  const { method, target, host, rawHeaders, hasBody, isChunked } = inbound;
  const length = Number(lastValueOf(rawHeaders, "content-length") ?? 0);
  return {
    ...{ method, target, host },
    peer: req.socket.remoteAddress ?? "",
    isTls: schemeOf(req.socket) === "https",
    bodyBytes: isChunked ? undefined : hasBody ? length : 0,
    header: (name) => joinedValueOf(rawHeaders, name),
  };
}

/** Whether the client may be given a connection of its own to the instance. */
export function isUpgradable({ headers }: IncomingMessage): boolean {
  // Clients offer h2c in passing, and are content with HTTP/1.1.
  if (/\bh2c\b/i.test(headers.upgrade ?? "h2c")) return false;
  const { "transfer-encoding": coding, "content-length": length = "0" } = headers;
  return coding === undefined && Number(length) === 0;
}

export function isRefusal<T extends object>(read: T | Refusal): read is Refusal {
  return "code" in read;
}

/** "Hello.Default.LOCALHOST:8080" is "hello.default.localhost"; and so is the name with a dot. */
export function hostOf(authority: string): string | undefined {
  const lower = authority.toLowerCase();
  const bare = lower.includes(":") ? lower.replace(PORT, "") : lower;
  const host = bare.endsWith(".") ? bare.slice(0, -1) : bare;
  return HOST.test(host) ? host : undefined;
}

function hostsOf(rawHeaders: readonly string[]): readonly string[] {
  const hosts: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") hosts.push(rawHeaders[at + 1] ?? "");
  }
  return hosts;
}

function problemOfBody({ headers, httpVersion }: IncomingMessage): Refusal | undefined {
  const coding = headers["transfer-encoding"];
  if (coding === undefined) return undefined;
  if (httpVersion !== "1.1") return badRequest(`HTTP/${httpVersion} has no Transfer-Encoding`);
  if (coding.toLowerCase() === "chunked") return undefined;
  return { code: 501, detail: `the transfer coding must be "chunked" alone: "${coding}"` };
}
