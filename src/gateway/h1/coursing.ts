import type { Asked, Course, FlatHeaders } from "../course.ts";
import { joinedValueOf } from "../head.ts";
import type { Asking, Seen } from "./asking.ts";

/** What rules and policies may ask of a request. `rawHeaders` are those that the client sent. */
export function askedOf(asking: Asking, rawHeaders: readonly string[], seen: Seen): Asked {
  const { method, target, host, authority, bodyLength } = asking;
  return {
    ...{ method, target, host },
    peer: seen.client,
    isTls: seen.proto === "https",
    bodyBytes: bodyLength < 0 ? undefined : bodyLength,
    // By HTTP/2 the host is no header.
    header: (name) => joinedValueOf(rawHeaders, name) ?? (name === "host" ? authority : undefined),
  };
}

/** The request as a course has it: with another target, or other headers. */
export function onCourse(asking: Asking, { target, onRequest }: Course): Asking {
  if (target === undefined && onRequest === undefined) return asking;
  const headers = asking.headers();
  onRequest?.(headers);
  const line = `${asking.method} ${target ?? asking.target} HTTP/1.1\r\n`;
  return asking.withText(`${line}${linesOf(headers)}\r\n`);
}

/** A head as its first line and a flat list, for those who change it. */
export function partsOf(head: string): { readonly line: string; readonly headers: FlatHeaders } {
  const [line = "", ...lines] = head.split("\r\n");
  const headers: FlatHeaders = [];
  for (const one of lines) {
    const colon = one.indexOf(":");
    if (colon > 0) headers.push(one.slice(0, colon), one.slice(colon + 1).trim());
  }
  return { line, headers };
}

/** The lines of a head. What would end one, or is no latin1, is taken out of a value. */
export function linesOf(headers: FlatHeaders): string {
  let text = "";
  for (let at = 0; at < headers.length; at += 2) {
    text += `${headers[at]}: ${(headers[at + 1] ?? "").replace(UNFIT, "")}\r\n`;
  }
  return text;
}

const UNFIT = /[^\t\x20-\x7e\x80-\xff]/g;
