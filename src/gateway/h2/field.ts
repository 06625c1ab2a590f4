import { FIELD, TARGET, TOKEN } from "../../base/h1/bytes.ts";

/** Names that mean something to us; all others are `OTHER`, and pass as they are. */
export const OTHER = 0;
export const METHOD = 1;
export const SCHEME = 2;
export const AUTHORITY = 3;
export const PATH = 4;
/** Begins with a colon, and is none of a request. */
export const NO_PSEUDO = 5;
export const HOST = 6;
export const CONTENT_LENGTH = 7;
export const COOKIE = 8;
export const TE = 9;
export const TRAILER = 10;
export const EXPECT = 11;
/** Of one connection of HTTP/1.1: with one of them a message is malformed (RFC 9113, 8.2.2). */
export const BARRED = 12;
/** What goes no further, or what only the gateway may say. */
export const DROPPED = 13;
/** `Forwarded` and its older kin, which are made anew from these. */
export const FORWARDED = 14;
export const CONTENT_TYPE = 15;

const KINDS: ReadonlyMap<string, number> = new Map([
  [":method", METHOD],
  [":scheme", SCHEME],
  [":authority", AUTHORITY],
  [":path", PATH],
  ["host", HOST],
  ["content-length", CONTENT_LENGTH],
  ["cookie", COOKIE],
  ["te", TE],
  ["trailer", TRAILER],
  ["expect", EXPECT],
  ["connection", BARRED],
  ["keep-alive", BARRED],
  ["proxy-connection", BARRED],
  ["transfer-encoding", BARRED],
  ["upgrade", BARRED],
  ["http2-settings", DROPPED],
  ["proxy-authenticate", DROPPED],
  ["proxy-authorization", DROPPED],
  ["knative-serving-namespace", DROPPED],
  ["knative-serving-revision", DROPPED],
  ["forwarded", FORWARDED],
  ["x-forwarded-for", FORWARDED],
  ["x-forwarded-host", FORWARDED],
  ["x-forwarded-proto", FORWARDED],
  ["content-type", CONTENT_TYPE],
]);

const COLON = 58;
const SP = 32;
const HT = 9;
/** What the table counts for a field beside its texts (RFC 7541, 4.1). */
const ENTRY_BYTES = 32;

/** What goes into a head: lower case alone. */
const LOWER_TOKEN = TOKEN.map((is, byte) => (byte >= 65 && byte <= 90 ? 0 : is));

/**
 * One field of a head, whose texts have one letter for each byte. It is looked at when it comes,
 * and not again each time the client refers to it.
 */
export class Field {
  readonly name: string;
  readonly value: string;
  readonly kind: number;
  /** Has a character that may not be there. */
  readonly isBad: boolean;
  readonly size: number;
  #line: string | undefined;

  constructor(name: Name, value: string, isBad: boolean) {
    this.name = name.text;
    this.value = value;
    this.kind = name.kind;
    this.isBad = isBad || name.isBad;
    this.size = name.text.length + value.length + ENTRY_BYTES;
  }

  /** As a line of HTTP/1.1. */
  get line(): string {
    this.#line ??= `${this.name}: ${this.value}\r\n`;
    return this.#line;
  }
}

/** The name of a field, and what is known by it. */
export interface Name {
  readonly text: string;
  readonly kind: number;
  readonly isBad: boolean;
}

export function nameOf(text: string): Name {
  const kind = KINDS.get(text);
  if (kind !== undefined) return { text, kind, isBad: false };
  const isPseudo = text.charCodeAt(0) === COLON;
  return { text, kind: isPseudo ? NO_PSEUDO : OTHER, isBad: !isPseudo && !isName(text) };
}

function isName(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    if (LOWER_TOKEN[text.charCodeAt(at)] !== 1) return false;
  }
  return text.length > 0;
}

/**
 * Whether a value has a character that may not be there, or a blank around it (RFC 9113, 8.2.1).
 *
 * HOT: runs for every text. No allocation, exception or await.
 */
export function isBadValue(bytes: Uint8Array, from: number, to: number, kind: number): boolean {
  if (from === to) return false;
  const set = kind === PATH ? TARGET : kind === METHOD ? TOKEN : FIELD;
  for (let at = from; at < to; at += 1) if (set[bytes[at] as number] !== 1) return true;
  return isBlank(bytes[from] as number) || isBlank(bytes[to - 1] as number);
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === HT;
}
